"""The body: a tetrahedral mesh with named regions, and the tissues that they are made of."""
