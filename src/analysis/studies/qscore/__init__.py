"""Discriminative features and Q-Score (Kalibhat et al., AAAI 2024): what they are, what they predict, and their controls."""
