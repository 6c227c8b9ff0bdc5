"""Tokens of the SQL door: shown once, kept as sums, revoked by name."""

from pathlib import Path

import pytest

from api.sql import tokens
from api.sql.tokens import TokenError


def test_a_token_is_kept_as_its_sum_alone_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    made = tokens.create(path, "ada")
    assert made not in path.read_text()
    assert tokens.hashes(path) == [tokens.hash_of(made)]
    assert path.stat().st_mode & 0o077 == 0


def test_tokens_differ_and_names_are_given_once(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    assert tokens.create(path, "ada") != tokens.create(path, "bob")
    with pytest.raises(TokenError, match="'ada' already"):
        tokens.create(path, "ada")
    assert [each.name for each in tokens.read(path)] == ["ada", "bob"]


def test_a_token_is_revoked_by_name_or_id(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    tokens.create(path, "ada")
    tokens.create(path, "bob")
    tokens.revoke(path, "ada")
    tokens.revoke(path, tokens.read(path)[0].id)
    assert tokens.hashes(path) == []
    with pytest.raises(TokenError, match="there is no token 'ada'; there are: none"):
        tokens.revoke(path, "ada")


def test_a_damaged_list_lets_nobody_in_and_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    path.write_text("{")
    assert tokens.hashes(path) == []
    with pytest.raises(TokenError, match="move it away"):
        tokens.create(path, "ada")
    assert path.read_text() == "{"
