"""Better action sequences from action sequences. A planner sees a function, never a model."""
