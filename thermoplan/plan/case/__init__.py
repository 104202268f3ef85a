"""The case of a plan: inputs, iron, tissue and matrices on one mesh."""
