"""Steps: one module per step of the chain; each reads, computes and writes."""
