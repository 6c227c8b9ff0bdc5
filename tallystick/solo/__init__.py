"""A node and anyone's contracts come in; their events in verified-complete tables come out, nothing else deployed."""
