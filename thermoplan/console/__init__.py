"""What a person sees of a verb's answer; one module a group of verbs."""
