"""What does a representation keep of an image? (Bordes, Balestriero, Vincent 2022, arXiv 2112.09164)"""
