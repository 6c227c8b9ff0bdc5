"""The command line: every command explains itself, and every mistake is answered with one sentence."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tallystick.cli import COMMANDS, main

ROOT = Path(__file__).parents[2]


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ALL = dict(commands(main))


def tallystick(*words: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Runs the command line as a person does, in a folder of its own, with nothing of theirs in the environment."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TALLYSTICK_")}
    return subprocess.run(
        [sys.executable, "-m", "tallystick", *words],
        cwd=folder,
        env=clean | environ,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        check=False,
    )


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_says_what_it_does(path: tuple[str, ...]) -> None:
    assert ALL[path].get_short_help_str(limit=200).strip()


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_and_verb_shows_an_example(path: tuple[str, ...]) -> None:
    command = ALL[path]
    shown = command.get_help(click.Context(command, info_name=path[-1]))
    assert f"tallystick {' '.join(path)}" in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_stands_in_the_readme(name: str) -> None:
    assert name in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_option_is_explained_or_named_for_what_it_is(path: tuple[str, ...]) -> None:
    for parameter in ALL[path].params:
        if isinstance(parameter, click.Option):
            assert parameter.help or parameter.name in {"chain_port", "api_port", "kubo_port", "quack_port"}, (
                parameter.name
            )


MISTAKES = {
    "unknown command": (("aks", "hello"), "Did you mean 'ask'"),
    "no deployment": (("node", "show", "0x" + "11" * 20), "deploy first"),
    "malformed address": (("node", "show", "0x12"), "40 hex digits"),
    "malformed amount": (("node", "stake", "lots"), "is no amount"),
    "nobody at the API": (("ask", "hi", "--api-url", "http://127.0.0.1:1"), "start the network with `tallystick up`"),
    "not a URL": (("status", "--api-url", "nonsense"), "nonsense"),
    "missing settings file": (("--config", "absent.toml", "doctor"), "no such settings file"),
    "missing bundle": (("verify", "absent.json"), "absent.json"),
    "two anchors": (("verify", "bundle.json", "--rpc", "http://x", "--block-hash", "00" * 32), "give one"),
    "malformed block hash": (("verify", "bundle.json", "--block-hash", "xyz"), "64 hex digits"),
    "missing prompts": (("demo", "--prompts", "absent.txt"), "one prompt a line"),
    "empty prompts": (("demo", "--prompts", "empty.txt"), "holds no prompt"),
    "prompts in Latin-1": (("demo", "--prompts", "latin.txt"), "not UTF-8"),
    "model without files": (("model", "add", "mine"), "--folder"),
    "unknown setting": (("doctor",), "Did you mean 'rpc_url'"),
}


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_answered_with_one_sentence_and_no_traceback(mistake: str, tmp_path: Path) -> None:
    words, remedy = MISTAKES[mistake]
    (tmp_path / "bundle.json").write_text("{}")
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "latin.txt").write_bytes("Grüße".encode("latin-1"))
    environ = {"TALLYSTICK_CHAIN_RPC_ULR": "x"} if mistake == "unknown setting" else {}
    done = tallystick(*words, folder=tmp_path, **environ)
    said = done.stdout + done.stderr
    assert done.returncode in (1, 2), said
    assert remedy in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_the_network_meant_comes_from_flag_environment_or_file_in_this_order(tmp_path: Path) -> None:
    (tmp_path / "tallystick.toml").write_text('api_url = "http://127.0.0.1:1"\ndeployment = "filed.json"\n')
    assert "http://127.0.0.1:1:" in tallystick("status", folder=tmp_path).stderr
    other = {"TALLYSTICK_API_URL": "http://127.0.0.1:2", "TALLYSTICK_DEPLOYMENT": "named.json"}
    assert "http://127.0.0.1:2:" in tallystick("status", folder=tmp_path, **other).stderr
    flagged = tallystick("status", "--api-url", "http://127.0.0.1:3", folder=tmp_path, **other)
    assert "http://127.0.0.1:3:" in flagged.stderr
    assert "filed.json" in tallystick("model", "list", folder=tmp_path).stderr
    assert "named.json" in tallystick("model", "list", folder=tmp_path, **other).stderr


@pytest.mark.slow
def test_a_new_wallet_is_encrypted_for_its_owner_alone_and_never_overwritten(tmp_path: Path) -> None:
    made = tallystick("wallet", "new", "key.json", folder=tmp_path, TALLYSTICK_PASSWORD="correct horse")
    assert made.returncode == 0, made.stderr
    keystore = (tmp_path / "key.json").read_text()
    assert (tmp_path / "key.json").stat().st_mode & 0o077 == 0
    assert '"ciphertext"' in keystore
    again = tallystick("wallet", "new", "key.json", folder=tmp_path, TALLYSTICK_PASSWORD="correct horse")
    assert again.returncode == 1
    assert "exists" in again.stderr
    assert (tmp_path / "key.json").read_text() == keystore


@pytest.mark.slow
def test_a_password_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("secret words")
    password.chmod(0o644)
    refused = tallystick("wallet", "new", "key.json", "--password-file", "password", folder=tmp_path)
    assert refused.returncode == 1
    assert "chmod 600" in refused.stderr
    assert "secret words" not in refused.stderr
    assert not (tmp_path / "key.json").exists()


@pytest.mark.slow
def test_the_doctor_finds_this_machine_fit_and_says_what_is_not_running(tmp_path: Path) -> None:
    done = tallystick("doctor", "--json", folder=tmp_path, TALLYSTICK_API_URL="http://127.0.0.1:1")
    assert '"subject":"python","state":"ok"' in done.stdout
    assert '"subject":"deployment","state":"note"' in done.stdout
