"""Steps: one module for each step of the chain, which reads, computes and writes."""
