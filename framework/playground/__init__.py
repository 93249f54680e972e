"""The model playground, `fulgurite play`: a local page where truth and imagination run side by side."""
