"""What the small encoders of this project were trained with, and what they are worth."""
