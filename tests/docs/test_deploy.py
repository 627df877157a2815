"""The files under deploy/ fit this version: commands and options exist, names agree, and what can be checked is."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from prometheus_client.parser import text_string_to_metric_families

from signoff import Signoff
from signoff.cli import app as cli
from signoff.server.metrics import Metrics
from signoff.testing import MemoryStore
from tests.docs.test_snippets import FENCE, ROOT

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())


class Unit(configparser.RawConfigParser):
    """A systemd unit; a key may come twice, and the last counts here."""

    def __init__(self, path: Path) -> None:
        super().__init__(strict=False, interpolation=None)
        self.optionxform = str  # type: ignore[assignment, method-assign]
        self.read_string(path.read_text())


def unit(name: str) -> Unit:
    return Unit(DEPLOY / "systemd" / f"signoff-{name}.service")


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every signoff command in deploy/, by where it is."""
    for name in ("server", "worker"):
        yield f"signoff-{name}.service", shlex.split(unit(name)["Service"]["ExecStart"])[1:]
        yield f"compose.yaml: {name}", shlex.split(COMPOSE["services"][name]["command"])[1:]
    (listed,) = re.findall(r"^CMD (\[.*\])$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    yield "Dockerfile", json.loads(listed)[1:]
    for path in DEPLOY.rglob("*"):
        if path.is_file():
            for line in re.findall(r"^#.*? (?:desk|server) signoff (.*)$", path.read_text(), re.MULTILINE):
                yield path.name, shlex.split(line)


def parsed(arguments: list[str]) -> dict[str, Any]:
    """What the command would be called with; it is not run."""
    command = typer.main.get_command(cli)
    rest = list(arguments)
    while below := getattr(command, "commands", None):
        command = below[rest.pop(0)]
    return command.make_context(None, rest).params


@pytest.mark.parametrize(("where", "arguments"), list(commands()), ids=[where for where, _ in commands()])
def test_every_command_is_one_that_signoff_takes(where: str, arguments: list[str]) -> None:
    parsed(arguments)  # or an error that names what it does not take


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def test_a_worker_has_longer_to_stop_than_its_grace() -> None:
    service = unit("worker")["Service"]
    assert seconds(service["TimeoutStopSec"]) > parsed(shlex.split(service["ExecStart"])[1:])["grace"]
    container = COMPOSE["services"]["worker"]
    assert seconds(container["stop_grace_period"]) > parsed(shlex.split(container["command"])[1:])["grace"]


def test_a_server_has_longer_to_stop_than_its_handlers() -> None:
    from signoff.server.serving import GRACE_S

    assert seconds(unit("server")["Service"]["TimeoutStopSec"]) > GRACE_S + 10
    assert seconds(COMPOSE["services"]["server"]["stop_grace_period"]) > GRACE_S + 10


def test_a_container_that_listens_everywhere_is_published_on_the_loopback_only() -> None:
    server = COMPOSE["services"]["server"]
    (network,) = COMPOSE["networks"]["outside"]["ipam"]["config"]
    call = parsed(shlex.split(server["command"])[1:])
    assert (call["host"], call["proxy"]) == ("0.0.0.0", [network["subnet"]])
    assert all(port.startswith("127.0.0.1:") for port in server["ports"])
    assert "ports" not in COMPOSE["services"]["postgres"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_has_nothing_to_say_about_the_units(tmp_path: Path) -> None:
    for path in UNITS:
        text = path.read_text().replace("/srv/signoff/venv/bin/signoff", sys.executable)
        (tmp_path / path.name).write_text(text)
    copies = [str(tmp_path / path.name) for path in UNITS]
    said = subprocess.run(["systemd-analyze", "verify", *copies], capture_output=True, text=True, timeout=60)
    about_ours = [line for line in said.stderr.splitlines() if "signoff-" in line]
    assert about_ours == []


def test_the_backup_of_the_unit_runs(tmp_path: Path) -> None:
    if shutil.which("sqlite3") is None:
        pytest.skip("the command sqlite3 is not installed")
    with Signoff(tmp_path / "signoff.db", workers=0) as app:
        app.accounts.create("grace", roles=["reviewer"], by="test")
    (tmp_path / "backups").mkdir()
    found = re.search(r"/bin/sh -ec '(.*?)'$", unit("backup")["Service"]["ExecStart"], re.DOTALL)
    assert found
    script = found[1].replace("\\\n", " ").replace("%%", "%").replace("/var/lib/signoff", str(tmp_path))
    script = script.replace("/srv/signoff/venv/bin/signoff", f"{sys.executable} -m signoff")
    subprocess.run(["/bin/sh", "-ec", script], check=True, timeout=60)
    (copy,) = (tmp_path / "backups").glob("*.db")
    with Signoff(copy, workers=0) as restored:
        assert [account.id for account in restored.accounts.list()] == ["grace"]


RULES = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus" / "signoff-alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]


def known_metrics() -> set[str]:
    app = Signoff(MemoryStore(), workers=0)
    app.register()
    text = Metrics(app).exposition()[0].decode()
    app.close()
    declared = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    sampled = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
    return declared | sampled | {f"{name}_count" for name in declared}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_is_about_metrics_that_exist(rule: dict[str, Any]) -> None:
    named = set(re.findall(r"\b(?:signoff|node)_\w+", re.sub(r'"[^"]*"', "", rule["expr"])))
    assert named or rule["expr"].startswith("up{")
    assert {name for name in named if name.startswith("signoff_")} <= known_metrics()
    assert rule["annotations"].keys() == {"summary", "description"}


def test_every_alert_is_in_the_guide() -> None:
    text = (ROOT / "docs" / "howto" / "operations.md").read_text()
    assert re.findall(r"^\| `(Signoff\w+)` \|", text, re.MULTILINE) == [rule["alert"] for rule in RULES]


def test_prometheus_asks_where_the_server_answers() -> None:
    from signoff.server.api import needed

    (job,) = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    (needs,) = [needs for path, method, needs in needed() if (path, method) == (job["metrics_path"], "get")]
    assert needs is not None
    assert "read" in needs.scopes


def test_what_the_guide_shows_of_the_proxies_is_in_their_files() -> None:
    text = (ROOT / "docs" / "howto" / "server.md").read_text()
    (nginx,) = [found[2] for found in FENCE.finditer(text) if found[1] == "nginx"]
    lines = [line.strip() for line in (DEPLOY / "nginx.conf").read_text().splitlines()]
    assert [line.strip() for line in nginx.splitlines() if line.strip() not in lines] == []
    (caddy,) = [found[2] for found in FENCE.finditer(text) if found[2].startswith("desk.example.com {")]
    lines = [line.strip() for line in (DEPLOY / "Caddyfile").read_text().splitlines()]
    assert [line.strip() for line in caddy.splitlines() if line.strip() not in lines] == []


def test_the_source_distribution_has_them() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["sdist"]
    assert "/deploy" in listed["include"]
