"""The record of a plan: plan.json and the run folder."""
