"""BagSSL (Chen et al. 2023): is the representation of an image a bag of those of its patches?"""
