"""Tests of the worker: pure rules in tables, engines against real servers, whole workers against a real chain."""
