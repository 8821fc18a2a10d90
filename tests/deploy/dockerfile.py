"""Executes the instructions of a Dockerfile in folders instead of containers.

Knows what the Dockerfile of this project uses (FROM, ARG, ENV, LABEL, WORKDIR, RUN, COPY, USER, VOLUME, EXPOSE,
HEALTHCHECK, STOPSIGNAL, ENTRYPOINT, CMD) and refuses the rest, so that nothing in it goes untested.
"""
import json
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field

BASE_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}


def parse(text):
    """Returns the instructions as pairs of keyword and argument, comments and continuations resolved."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    return [tuple(line.split(None, 1)) for line in joined.splitlines()]


@dataclass
class Stage:
    """What a stage has come to: its folder, and how a container of it would start."""
    name: str
    root: str
    environment: dict = field(default_factory=dict)
    labels: dict = field(default_factory=dict)
    workdir: str = "/"
    user: str = "0:0"
    volumes: list = field(default_factory=list)
    ports: list = field(default_factory=list)
    healthcheck: list = field(default_factory=list)
    entrypoint: list = field(default_factory=list)
    arguments: list = field(default_factory=list)
    packages: list = field(default_factory=list)


class Builder:
    """`make_root(folder)` lays a clean base system into an empty folder; `given` maps names of stages that are not
    executed to folders that hold what they would have made."""

    def __init__(self, context, work, make_root, given=()):
        self.context, self.work, self.make_root = context, work, make_root
        self.given = dict(given)
        self.stages = {}
        self.arguments = {}

    def build(self, dockerfile):
        """Executes all instructions and returns the last stage."""
        stage = None
        for keyword, argument in parse(dockerfile):
            if keyword == "FROM":
                _, _, name = self.expand(argument).partition(" AS ")
                stage = self.begin(name)
            elif keyword == "ARG":
                key, _, value = argument.partition("=")
                self.arguments.setdefault(key, value)
            elif stage is None:
                raise ValueError(f"{keyword} before FROM")
            elif stage.name not in self.given:
                getattr(self, "do_" + keyword.lower())(stage, argument)
        return stage

    def begin(self, name):
        root = self.given.get(name) or os.path.join(self.work, name)
        if name not in self.given:
            print(f"image: stage {name}", flush=True)
            os.makedirs(root)
            self.make_root(root)
        self.stages[name] = Stage(name, root, dict(BASE_ENVIRONMENT))
        return self.stages[name]

    def expand(self, text):
        return re.sub(r"\$\{(\w+)\}", lambda match: self.arguments[match[1]], text)

    def pairs(self, argument):
        return dict(word.split("=", 1) for word in shlex.split(self.expand(argument)))

    def do_env(self, stage, argument):
        stage.environment.update(self.pairs(argument))

    def do_label(self, stage, argument):
        stage.labels.update(self.pairs(argument))

    def do_workdir(self, stage, argument):
        stage.workdir = argument
        os.makedirs(stage.root + argument, exist_ok=True)

    def do_user(self, stage, argument):
        stage.user = argument

    def do_volume(self, stage, argument):
        stage.volumes += argument.split()

    def do_expose(self, stage, argument):
        stage.ports += [int(port) for port in argument.split()]

    def do_stopsignal(self, stage, argument):
        if argument != "SIGTERM":
            raise ValueError(argument)

    def do_entrypoint(self, stage, argument):
        stage.entrypoint = json.loads(argument)

    def do_cmd(self, stage, argument):
        stage.arguments = json.loads(argument)

    def do_healthcheck(self, stage, argument):
        stage.healthcheck = json.loads(argument.partition("CMD ")[2])

    def do_run(self, stage, argument):
        print(f"image: RUN {argument[:100]}", flush=True)
        installed = re.search(r"apt-get install ([^&]*)", argument)
        if installed:
            stage.packages += [word for word in installed[1].split() if not word.startswith("-")]
        environment = [f"{key}={value}" for key, value in stage.environment.items()]
        # With /proc, as engines do: protoc finds its own files by it.
        done = subprocess.run(["unshare", "--mount", "--pid", "--fork", "sh", "-ec",
                               f'mount -t proc proc "{stage.root}/proc"; exec "$@"', "sh",
                               "chroot", stage.root, "/usr/bin/env", "-i", *environment, "/bin/sh", "-c",
                               f"cd {stage.workdir} && {argument}"],
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise RuntimeError(f"RUN ended with {done.returncode}:\n{done.stdout[-4000:]}")

    def do_copy(self, stage, argument):
        words = argument.split()
        source = self.context
        ignored = self.dockerignore()
        if words[0].startswith("--from="):
            source, ignored = self.stages[words.pop(0).removeprefix("--from=")].root, None
        *paths, target = words
        for path in paths:
            self.copy(source, path.strip("/"), os.path.join(stage.root, stage.workdir.strip("/"), target)
                      if not target.startswith("/") else stage.root + target, ignored)

    def dockerignore(self):
        """The paths that travel: of the rules only '*' and exceptions to it are known."""
        with open(os.path.join(self.context, ".dockerignore"), encoding="utf-8") as file:
            rules = [line.strip() for line in file if line.strip() and not line.startswith("#")]
        if rules[0] != "*" or not all(rule.startswith("!") for rule in rules[1:]):
            raise ValueError(".dockerignore: only '*' and exceptions are understood")
        return [rule[1:] for rule in rules[1:]]

    def copy(self, source, path, target, allowed):
        whole = os.path.join(source, path)
        if allowed is not None and path == ".":
            for entry in allowed:
                self.copy(source, entry, os.path.join(target, os.path.dirname(entry), ""), allowed)
        elif allowed is not None and not any((path + "/").startswith(entry + "/") for entry in allowed):
            raise ValueError(f"COPY {path}: .dockerignore keeps it out")
        elif os.path.isdir(whole):
            below = target if allowed is None else os.path.join(target, os.path.basename(path))
            shutil.copytree(whole, below, symlinks=True, dirs_exist_ok=True,
                            ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
        else:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy2(whole, target)
