"""What acts and learns: LightningModules that are TorchRL policies."""
