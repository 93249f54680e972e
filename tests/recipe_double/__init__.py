"""A package in small with every kind of slot, in place of Fulgurite: checking recipes for it needs no torch."""
