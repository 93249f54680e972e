"""A path along a cliff, in gusts of wind: the numbers of the task.

    (x', y') = (x, y) + STRIDE clip(a) + (0, GUST) eps        eps ~ N(0, 1)
    r = (x' - x) - DETOUR |y'| - FALL fallen(x', y')            fallen: y' < 0 between EDGE_FROM and EDGE_TO

The shortest and the best-paid path lies at y = 0, the very edge: a planner that believes the mean prediction walks
there and is blown off, one that imagines the gusts keeps away from it.
"""

STRIDE = 0.1  # length units a step, in each direction
GUST = 0.04  # standard deviation of the wind across the path
EDGE_FROM, EDGE_TO = 0.3, 1.7  # the cliff lies below y = 0 between these x
GOAL = 2.0  # x at which the path ends
DETOUR = 0.1  # reward lost a step and unit of distance from the edge
FALL = 3.0  # reward lost by a fall
