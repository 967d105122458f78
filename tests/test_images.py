"""What containers are built from and started with: linted, and held against the program."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from shortd.commands.cli import main
from shortd.settings.config import load
from tests.documents import block

ROOT = Path(__file__).parents[1]
CONTAINERS = ROOT / "containers"
CONTAINERFILE = CONTAINERS / "Containerfile"


def lint(program: str, *arguments: str) -> None:
    beside = Path(sys.executable).with_name(program)
    ran = subprocess.run([beside, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_containerfile_is_sound() -> None:
    lint("hadolint", str(CONTAINERFILE))


def test_the_compose_file_is_sound() -> None:
    lint("compose-lint", str(CONTAINERS / "compose.yaml"))


def instructions() -> list[tuple[str, str]]:
    """Those of the last stage, each on one line."""
    text = CONTAINERFILE.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    last = max(number for number, line in enumerate(lines) if line.startswith("FROM "))
    return [
        (name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines[last:])
    ]


def only(name: str) -> str:
    (rest,) = [rest for one, rest in instructions() if one == name]
    return rest


def environment(text: str) -> dict[str, str]:
    return dict(re.findall(r"(\w+)=(\S+)", text))


def test_the_image_runs_what_there_is_as_nobody_in_particular() -> None:
    user, _, group = only("USER").partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert json.loads(only("ENTRYPOINT")) == ["shortd"]
    for command in (
        *json.loads(only("CMD")),
        json.loads(only("HEALTHCHECK").partition("CMD ")[2])[1],
    ):
        assert command in main.commands


def test_what_is_kept_is_never_in_a_volume_without_a_name() -> None:
    assert "VOLUME" not in {name for name, _ in instructions()}
    assert environment(only("ENV"))["SHORTD_STORAGE__REQUIRE_MOUNT"] == "true"


def test_the_image_listens_where_it_says() -> None:
    settings = load(environ=environment(only("ENV")), data_dir=Path("/data"))
    assert settings.storage.require_mount
    assert str(settings.server.port) == only("EXPOSE")
    assert settings.server.host in ("0.0.0.0", ("0.0.0.0",))


def test_a_build_is_given_all_that_the_package_is_made_of() -> None:
    kept = [
        line[1:]
        for line in (ROOT / ".containerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    ]
    assert all((ROOT / one).exists() for one in kept)
    assert {"shortd", "plugins", "pyproject.toml", "README.md", "LICENSE"} < set(kept)
    assert "config.example.toml" in kept
    assert (ROOT / ".dockerignore").read_text() == (ROOT / ".containerignore").read_text()


def service() -> dict[str, Any]:
    composed = yaml.safe_load((CONTAINERS / "compose.yaml").read_text(encoding="utf-8"))
    (one,) = composed["services"].values()
    assert isinstance(one, dict)
    return one


def defaults(given: dict[str, str]) -> dict[str, str]:
    """Variables of the compose file where nobody says otherwise."""
    return {name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", value) for name, value in given.items()}


def test_the_compose_file_sets_settings_that_there_are() -> None:
    settings = load(environ=defaults(service()["environment"]), data_dir=Path("/data"))
    (port,) = service()["ports"]
    assert port.endswith(f":{settings.server.port}")
    assert service()["volumes"] == ["data:/data"]


def test_nothing_is_published_past_the_firewall() -> None:
    quadlet = quadlet_of("shortd.container")
    for port in (*service()["ports"], quadlet["Container"]["PublishPort"]):
        assert port.startswith("127.0.0.1:")


def quadlet_of(name: str) -> configparser.ConfigParser:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(CONTAINERS / name)
    return unit


def test_the_quadlet_names_its_volume_and_settings_that_there_are() -> None:
    unit = quadlet_of("shortd.container")
    volume, _, target = unit["Container"]["Volume"].partition(":")
    assert (CONTAINERS / volume).is_file()
    assert target == environment(only("ENV"))["SHORTD_DATA"]
    load(environ=environment(unit["Container"]["Environment"]), data_dir=Path("/data"))
    assert unit["Container"]["HealthCmd"].split()[1] in main.commands


def test_the_deployment_for_clusters_has_one_writer_and_settings_that_there_are() -> None:
    deployment = yaml.safe_load(block("docs/packagers.md", "yaml", "Deployment"))
    assert deployment["spec"]["replicas"] == 1
    assert deployment["spec"]["strategy"]["type"] == "Recreate"
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    given = {one["name"]: one["value"] for one in container["env"]}
    settings = load(environ=given, data_dir=Path("/data"))
    assert settings.server.trusted_proxies == ("10.0.0.0/8",)
    assert container["ports"] == [{"containerPort": settings.server.port}]


@pytest.mark.slow
def test_the_image_builds_and_works() -> None:
    base = instructions()[0][1].partition(" ")[0]
    for builder in filter(shutil.which, ("podman", "docker")):
        if subprocess.run([builder, "pull", "-q", base], capture_output=True).returncode == 0:
            subprocess.run([ROOT / "scripts/build-image", "localhost/shortd:tried"], check=True)
            return
    pytest.skip("neither podman nor docker works here, or there is no registry")
