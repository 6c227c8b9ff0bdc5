"""Jobs to answers: claim, infer, prove, settle, and remember every step."""
