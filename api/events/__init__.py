"""Any contract's events over HTTP: what `tallystick index --serve` answers."""
