"""What is decided about messages: by rules, by moderators, and how it is taken back."""
