"""Renders deploy/kubernetes with a real kustomize, validates it against several releases of Kubernetes, and compares
it with gramiand: every flag, port, path and probe it names exists and answers."""
import argparse
import itertools
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import kubernetes_validate
import yaml

import dockerfile

options = argparse.Namespace()
KUBERNETES = ["1.29", "1.33", "1.37"]
OVERLAYS = ["single", "memory", "memory-autoscaled", "monitoring", "tls"]
CUSTOM_KINDS = {"ServiceMonitor", "PrometheusRule", "Certificate"}
OPEN = {"GRAMIAN_ALLOW_PLAINTEXT": "true", "GRAMIAN_ALLOW_ANONYMOUS": "true"}


# What may protect a workload; tls takes back what open says.
PROTECTIONS = [[], ["open"], ["tls"], ["tls", "mtls"], ["open", "tls"], ["open", "tls", "mtls"]]


class Manifests:
    """The objects of an overlay: one of the folder, or a path to any."""

    def __init__(self, overlay):
        path = overlay if isinstance(overlay, pathlib.Path) else options.source / "deploy/kubernetes/overlays" / overlay
        self.objects = list(yaml.safe_load_all(subprocess.run(
            [options.bin / "kubectl", "kustomize", path], check=True, text=True, capture_output=True).stdout))

    def all(self, kind):
        return [item for item in self.objects if item["kind"] == kind]

    def one(self, kind):
        found = self.all(kind)
        if len(found) != 1:
            raise AssertionError(f"{len(found)} objects of kind {kind}")
        return found[0]

    @property
    def workload(self):
        return (self.all("StatefulSet") + self.all("Deployment"))[0]

    @property
    def pod(self):
        return self.workload["spec"]["template"]["spec"]

    @property
    def container(self):
        return self.pod["containers"][0]

    @property
    def pod_labels(self):
        return self.workload["spec"]["template"]["metadata"]["labels"]

    @property
    def config(self):
        return next(item["data"]["gramian.toml"] for item in self.all("ConfigMap") if "gramian.toml" in item["data"])

    @property
    def environment(self):
        return {entry["name"]: entry["value"] for entry in self.container.get("env", [])}

    def flags(self):
        """The arguments as pairs of flag and value."""
        return [tuple(argument.split("=", 1)) for argument in self.container["args"]]


def selects(selector, labels):
    return selector.items() <= labels.items()


class ManifestsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.overlays = {name: Manifests(name) for name in OVERLAYS}
        cls.help = subprocess.run([options.gramiand, "--help"], check=True, text=True, capture_output=True).stdout
        cls.known = set(re.findall(r"^ +(--[a-z-]+)", cls.help, re.MULTILINE))

    def each(self):
        for name, manifests in self.overlays.items():
            with self.subTest(overlay=name):
                yield manifests

    def test_every_object_is_valid_for_each_release(self):
        for manifests in self.each():
            for item in manifests.objects:
                if item["kind"] in CUSTOM_KINDS:
                    continue
                for release in KUBERNETES:
                    kubernetes_validate.validate(item, release, strict=True)

    def test_a_misspelt_field_is_found(self):
        service = json.loads(json.dumps(self.overlays["single"].all("Service")[0]))
        service["spec"]["sesionAffinity"] = "None"
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(service, KUBERNETES[0], strict=True)

    def test_every_overlay_of_the_folder_is_tested(self):
        folder = options.source / "deploy/kubernetes/overlays"
        self.assertEqual(sorted(path.name for path in folder.iterdir()), sorted(OVERLAYS))

    def test_every_combination_of_components_renders(self):
        """As an overlay of somebody else lists them; each component is in one at least."""
        used = set()
        combinations = itertools.product(["single", "memory"], PROTECTIONS, [[], ["monitoring"]], [[], ["cert-manager"]])
        for workload, protection, monitoring, certificate in combinations:
            components = [workload, *protection, *monitoring, *certificate]
            used |= set(components)
            with self.subTest(components=components):
                manifests = self.render(components)
                for item in manifests.objects:
                    self.assertEqual(item["metadata"].get("namespace", "gramian"), "gramian")
                    if item["kind"] not in CUSTOM_KINDS:
                        kubernetes_validate.validate(item, KUBERNETES[-1], strict=True)
                flags = dict(manifests.flags())
                self.assertEqual("--tls-cert" in flags, "tls" in protection)
                self.assertEqual("--tls-client-ca" in flags, "mtls" in protection)
                self.assertEqual(manifests.environment, OPEN if protection == ["open"] else {})
                self.assertEqual(len(manifests.all("PrometheusRule")), len(monitoring))
                self.assertEqual(len(manifests.all("Certificate")), len(certificate))
        folder = options.source / "deploy/kubernetes/components"
        self.assertEqual(used | {"pod"}, {path.name for path in folder.iterdir()})

    def render(self, components):
        with tempfile.TemporaryDirectory() as folder:
            kubernetes = os.path.relpath((options.source / "deploy/kubernetes").resolve(), os.path.realpath(folder))
            overlay = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": "gramian",
                       "resources": [f"{kubernetes}/base"],
                       "components": [f"{kubernetes}/components/{component}" for component in components]}
            pathlib.Path(folder, "kustomization.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
            return Manifests(pathlib.Path(folder))

    def test_kinds(self):
        self.assertEqual(len(self.overlays["single"].all("StatefulSet")), 1)
        self.assertEqual(self.overlays["single"].workload["spec"]["replicas"], 1)
        memory = self.overlays["memory"].one("Deployment")
        self.assertNotIn("volumeClaimTemplates", memory["spec"])
        self.assertFalse(any("persistentVolumeClaim" in volume for volume in self.overlays["memory"].pod["volumes"]))
        autoscaler = self.overlays["memory-autoscaled"].one("HorizontalPodAutoscaler")
        self.assertEqual(autoscaler["spec"]["scaleTargetRef"]["name"], memory["metadata"]["name"])
        self.assertNotIn("replicas", self.overlays["memory-autoscaled"].workload["spec"])

    def test_flags_are_those_of_the_program(self):
        for manifests in self.each():
            for flag, _ in manifests.flags():
                self.assertIn(flag, self.known)
            for name in manifests.environment:
                flag = "--" + name.removeprefix("GRAMIAN_").lower().replace("_", "-")
                self.assertIn(flag, self.known)

    def test_the_program_takes_the_configuration(self):
        for manifests in self.each():
            with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
                file.write(manifests.config)
                file.flush()
                done = subprocess.run([options.gramiand, "--config", file.name, "--check-config"],
                                      text=True, capture_output=True, env=dict(os.environ, **OPEN))
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_only_those_without_certificates_are_open(self):
        for manifests in self.each():
            encrypted = "--tls-cert" in dict(manifests.flags())
            self.assertEqual(manifests.environment, {} if encrypted else OPEN)
        self.assertIn("--tls-cert", dict(self.overlays["tls"].flags()))

    def test_pods_are_restricted(self):
        """What the level "restricted" of the pod security standards asks for, and a read-only root."""
        for manifests in self.each():
            labels = manifests.one("Namespace")["metadata"]["labels"]
            self.assertEqual(labels["pod-security.kubernetes.io/enforce"], "restricted")
            pod, container = manifests.pod, manifests.container
            self.assertTrue(pod["securityContext"]["runAsNonRoot"])
            self.assertEqual(pod["securityContext"]["runAsUser"], 10001)  # as in the Dockerfile
            self.assertEqual(pod["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
            self.assertFalse(container["securityContext"]["allowPrivilegeEscalation"])
            self.assertEqual(container["securityContext"]["capabilities"], {"drop": ["ALL"]})
            self.assertTrue(container["securityContext"]["readOnlyRootFilesystem"])
            self.assertFalse(pod["automountServiceAccountToken"])
            for field in ("hostNetwork", "hostPID", "hostIPC"):
                self.assertNotIn(field, pod)
            for volume in pod["volumes"]:
                self.assertIn(set(volume) - {"name"}, ({"configMap"}, {"secret"}))
            self.assertEqual(container["resources"]["limits"]["memory"], container["resources"]["requests"]["memory"])

    def test_names_lead_somewhere(self):
        for manifests in self.each():
            ports = {port["name"]: port["containerPort"] for port in manifests.container["ports"]}
            self.assertTrue(selects(manifests.workload["spec"]["selector"]["matchLabels"], manifests.pod_labels))
            for service in manifests.all("Service"):
                self.assertTrue(selects(service["spec"]["selector"], manifests.pod_labels))
                for port in service["spec"]["ports"]:
                    self.assertEqual(ports[port["targetPort"]], port["port"])
            self.assertIn("None", [service["spec"].get("clusterIP") for service in manifests.all("Service")])
            budget = manifests.one("PodDisruptionBudget")
            self.assertTrue(selects(budget["spec"]["selector"]["matchLabels"], manifests.pod_labels))
            volumes = {volume["name"] for volume in manifests.pod["volumes"]}
            volumes |= {claim["metadata"]["name"] for claim in manifests.workload["spec"].get("volumeClaimTemplates", [])}
            mounts = {mount["name"]: mount["mountPath"] for mount in manifests.container["volumeMounts"]}
            self.assertEqual(set(mounts), volumes)
            for flag, value in manifests.flags():
                self.assertTrue(any(value == path or value.startswith(path + "/") for path in mounts.values()), flag)
            for constraint in manifests.pod["topologySpreadConstraints"]:
                self.assertTrue(selects(constraint["labelSelector"]["matchLabels"], manifests.pod_labels))
            names = {item["metadata"]["name"] for item in manifests.all("ConfigMap")}
            for volume in manifests.pod["volumes"]:
                if "configMap" in volume:
                    self.assertIn(volume["configMap"]["name"], names)

    def test_the_network_lets_clients_and_prometheus_in_and_nothing_out(self):
        for manifests in self.each():
            spec = manifests.one("NetworkPolicy")["spec"]
            self.assertEqual(sorted(spec["policyTypes"]), ["Egress", "Ingress"])
            self.assertEqual(spec.get("egress", []), [])
            self.assertTrue(selects(spec["podSelector"]["matchLabels"], manifests.pod_labels))
            clients, prometheus = spec["ingress"]
            self.assertEqual([port["port"] for port in clients["ports"]], ["grpc"])
            self.assertEqual(clients["from"][0]["podSelector"], {"matchLabels": {"gramian-client": "true"}})
            self.assertEqual([port["port"] for port in prometheus["ports"]], ["metrics"])
            self.assertEqual(prometheus["from"][0]["podSelector"],
                             {"matchLabels": {"app.kubernetes.io/name": "prometheus"}})

    def test_the_grace_is_longer_than_the_drain(self):
        for manifests in self.each():
            config = dict(re.findall(r"^([a-z-]+) = (\d+)$", manifests.config, re.MULTILINE))
            pre_stop = int(manifests.container["lifecycle"]["preStop"]["exec"]["command"][1])
            closing = 10  # how long gramiand gives itself after the drain, server/main.cc
            needed = pre_stop + int(config["drain-delay-seconds"]) + int(config["drain-seconds"]) + closing
            self.assertGreater(manifests.pod["terminationGracePeriodSeconds"], needed)

    def test_monitoring_is_that_of_the_repository(self):
        manifests = self.overlays["monitoring"]
        with open(options.source / "deploy/monitoring/gramian.rules.yaml", encoding="utf-8") as file:
            rules = yaml.safe_load(file)
        self.assertEqual(manifests.one("PrometheusRule")["spec"], rules, "run components/monitoring/update.sh")
        dashboard = next(item for item in manifests.all("ConfigMap") if "gramian-dashboard.json" in item["data"])
        self.assertEqual(dashboard["metadata"]["labels"]["grafana_dashboard"], "1")
        with open(options.source / "deploy/monitoring/gramian-dashboard.json", encoding="utf-8") as file:
            self.assertEqual(json.loads(dashboard["data"]["gramian-dashboard.json"]), json.load(file))
        monitor = manifests.one("ServiceMonitor")["spec"]
        watched = [service for service in manifests.all("Service")
                   if selects(monitor["selector"]["matchLabels"], service["metadata"]["labels"])]
        self.assertEqual([service["spec"]["clusterIP"] for service in watched], ["None"])
        self.assertEqual(watched[0]["metadata"]["labels"][monitor["jobLabel"]], "gramian")
        self.assertIn(monitor["endpoints"][0]["port"], [port["name"] for port in watched[0]["spec"]["ports"]])

    def test_the_job_that_restores_fits_the_workload(self):
        with open(options.source / "deploy/kubernetes/restore.yaml", encoding="utf-8") as file:
            job = yaml.safe_load(file)
        for release in KUBERNETES:
            kubernetes_validate.validate(job, release, strict=True)
        pod, single = job["spec"]["template"]["spec"], self.overlays["single"]
        claims = {volume["name"]: volume["persistentVolumeClaim"]["claimName"] for volume in pod["volumes"]}
        self.assertEqual(claims, {claim["metadata"]["name"]: f"{claim['metadata']['name']}-gramian-0"
                                  for claim in single.workload["spec"]["volumeClaimTemplates"]})
        (container,) = pod["containers"]
        for mount in container["volumeMounts"]:
            self.assertIn(mount, single.container["volumeMounts"])
        self.assertEqual(container["image"], single.container["image"])
        self.assertEqual(container["securityContext"], single.container["securityContext"])
        user = {"runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001}
        self.assertLessEqual(user.items(), pod["securityContext"].items())

    def test_certificates_are_for_the_names_of_the_services(self):
        manifests = self.overlays["tls"]
        certificate = manifests.one("Certificate")["spec"]
        for service in manifests.all("Service"):
            self.assertIn(f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc",
                          certificate["dnsNames"])
        secrets = [volume["secret"]["secretName"] for volume in manifests.pod["volumes"] if "secret" in volume]
        self.assertIn(certificate["secretName"], secrets)

    def test_the_version_is_that_of_the_project(self):
        with open(options.source / "CMakeLists.txt", encoding="utf-8") as file:
            version = re.search(r"project\(Gramian VERSION ([0-9.]+)", file.read())[1]
        for manifests in self.each():
            self.assertEqual(manifests.container["image"], f"gramian:{version}")
            self.assertEqual(manifests.workload["metadata"]["labels"]["app.kubernetes.io/version"], version)
        with open(options.source / "Dockerfile", encoding="utf-8") as file:
            self.assertIn(f"ARG VERSION={version}\n", file.read())


class Process:
    """gramiand with the arguments of an overlay in a network of its own, where all ports are free."""

    def __init__(self, manifests, folder, *more):
        config = folder / "gramian.toml"
        config.write_text(manifests.config, encoding="utf-8")
        (folder / "data").mkdir(exist_ok=True)
        (folder / "backups").mkdir(exist_ok=True)
        self.log = folder / "log"
        places = {"/etc/gramian/gramian.toml": config, "/var/lib/gramian": folder / "data",
                  "/var/backups/gramian": folder / "backups"}
        for secret in ("tls.crt", "tls.key", "ca.crt"):
            places[f"/etc/gramian-tls/{secret}"] = folder / secret
        places["/etc/gramian-access/access.json"] = folder / "access.json"
        self.arguments = [f"{flag}={places.get(value, value)}" for flag, value in manifests.flags()]
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", options.gramiand,
                 *self.arguments, "--disk-reserve-bytes=0", *more],
                stdout=subprocess.PIPE, stderr=log, text=True, env=dict(os.environ, **manifests.environment))
        self.line = self.process.stdout.readline()

    def within(self, *command):
        return subprocess.run(["nsenter", "--target", str(self.process.pid), "--net", *command],
                              text=True, capture_output=True)

    def answers(self, path, port):
        """Whether an HTTP request is answered with 200."""
        check = options.source / "deploy/docker/gramian-healthcheck"
        return self.within(check, path, str(port)).returncode == 0


def make_secrets(folder):
    """What the secrets of the overlay tls hold; the client's are in the same folder."""
    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=folder)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=lab",
            "-keyout", "ca.key", "-out", "ca.crt")
    for name, alternative in (("tls", "DNS:gramian.gramian.svc"), ("client", "DNS:client.lab")):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (folder / "extension").write_text(f"subjectAltName={alternative}", encoding="utf-8")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                "-extfile", "extension", "-out", f"{name}.crt")
    entry = subprocess.run([options.gramian, "token", "new", "somebody", "--role", "reader", "--output",
                            folder / "token"], check=True, text=True, capture_output=True).stdout
    (folder / "access.json").write_text(f'{{"tokens": [{entry}]}}', encoding="utf-8")


class RunningTest(unittest.TestCase):
    def folder(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        return pathlib.Path(temporary.name)

    def start(self, overlay, *more, folder=None):
        manifests = Manifests(overlay)
        server = Process(manifests, folder or self.folder(), *more)
        self.addCleanup(server.process.stdout.close)
        self.addCleanup(server.process.wait)
        self.addCleanup(server.process.kill)
        return manifests, server

    def test_ports_and_probes_answer(self):
        for overlay in ("single", "memory"):
            with self.subTest(overlay=overlay):
                manifests, server = self.start(overlay)
                ports = {port["name"]: port["containerPort"] for port in manifests.container["ports"]}
                self.assertEqual(server.line, f"gramiand listening grpc=0.0.0.0:{ports['grpc']} "
                                              f"metrics=0.0.0.0:{ports['metrics']}\n")
                for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                    request = manifests.container[probe]["httpGet"]
                    self.assertTrue(server.answers(request["path"], ports[request["port"]]), probe)
                annotations = manifests.workload["spec"]["template"]["metadata"]["annotations"]
                self.assertTrue(server.answers(annotations["prometheus.io/path"], annotations["prometheus.io/port"]))
                done = server.within(options.gramian, "info")
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_one_with_a_volume_is_backed_up_into_another(self):
        folder = self.folder()
        _, server = self.start("single", folder=folder)
        done = server.within(options.gramian, "--timeout", "86400", "admin", "backup", "before-upgrade")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue((folder / "backups/before-upgrade/gramian.db").is_file())

    def test_logs_are_lines_of_json(self):
        _, server = self.start("single", "--drain-delay-seconds=0")
        server.process.terminate()
        self.assertEqual(server.process.wait(timeout=60), 0)
        lines = server.log.read_text(encoding="utf-8").splitlines()
        self.assertTrue(lines)
        for line in lines:
            self.assertLessEqual({"time", "level", "message"}, json.loads(line).keys())

    def test_the_encrypted_one_asks_for_a_certificate_and_a_token(self):
        folder = self.folder()
        make_secrets(folder)
        manifests, server = self.start("tls", folder=folder)
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            self.assertTrue(server.answers(manifests.container[probe]["httpGet"]["path"], 9464), probe)
        command = [options.gramian, "--timeout", "5", "--tls-server-name", "gramian.gramian.svc",
                   "--tls-ca", folder / "ca.crt"]
        certificate = ["--tls-cert", folder / "client.crt", "--tls-key", folder / "client.key"]
        token = ["--token-file", folder / "token"]
        done = server.within(*command, *certificate, *token, "info")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotEqual(server.within(*command, *token, "info").returncode, 0)
        self.assertNotEqual(server.within(*command, *certificate, "info").returncode, 0)
        self.assertNotEqual(server.within(options.gramian, "--timeout", "5", "info").returncode, 0)

    def test_a_pod_that_ends_is_not_ready_first_and_serves_on_meanwhile(self):
        # Longer than the manifest says, for the sake of slow machines.
        manifests, server = self.start("single", "--drain-delay-seconds=15")
        probe = manifests.container["readinessProbe"]["httpGet"]
        begin = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        while server.answers(probe["path"], 9464):
            self.assertLess(time.monotonic() - begin, 5)
        self.assertTrue(server.answers("/livez", 9464))
        self.assertEqual(server.within(options.gramian, "info").returncode, 0)
        self.assertEqual(server.process.wait(timeout=manifests.pod["terminationGracePeriodSeconds"]), 0)

    def test_the_command_before_the_end_is_in_the_image(self):
        command = Manifests("single").container["lifecycle"]["preStop"]["exec"]["command"]
        self.assertEqual(command[0], "sleep")  # of coreutils, which every Debian has


class SystemdTest(unittest.TestCase):
    def setUp(self):
        self.unit = (options.source / "deploy/systemd/gramiand.service").read_text(encoding="utf-8")

    def value(self, key):
        return re.search(rf"^{key}=(.*)$", self.unit, re.MULTILINE)[1]

    def test_is_valid_and_hardened(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "gramiand.service")
            path.write_text(self.unit.replace("/usr/bin/gramiand", options.gramiand), encoding="utf-8")
            for command in (["verify", "--man=no"], ["security", "--offline=true", "--threshold=15"]):
                done = subprocess.run(["systemd-analyze", *command, path], text=True, capture_output=True)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                if command[0] == "verify":
                    self.assertEqual(done.stderr, "")

    def test_runs_as_the_user_it_is_installed_with(self):
        users = (options.source / "deploy/systemd/gramian.sysusers").read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as root:
            pathlib.Path(root, "etc").mkdir()
            done = subprocess.run(["systemd-sysusers", "--root", root, options.source / "deploy/systemd/gramian.sysusers"],
                                  text=True, capture_output=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            made = pathlib.Path(root, "etc/passwd").read_text(encoding="utf-8")
        self.assertIn(f"u {self.value('User')} ", users)
        self.assertRegex(made, rf"(?m)^{self.value('User')}:")
        kept = {f"/var/lib/{name}" for name in self.value("StateDirectory").split()}
        self.assertEqual(set(re.findall(r"--(?:data|backup)-dir=(\S+)", self.value("ExecStart"))), kept)

    def test_fits_the_program(self):
        flags = re.findall(r"--[a-z-]+", self.value("ExecStart"))
        shown = subprocess.run([options.gramiand, "--help"], check=True, text=True, capture_output=True).stdout
        for flag in flags:
            self.assertIn(f" {flag} ", shown)
        defaults = dict(re.findall(r"^ +(--drain[a-z-]+) INT=(\d+)", shown, re.MULTILINE))
        self.assertEqual(len(defaults), 2)
        self.assertGreater(int(self.value("TimeoutStopSec")), sum(map(int, defaults.values())) + 10)


class DockerfileTest(unittest.TestCase):
    def test_has_nothing_that_hadolint_finds(self):
        done = subprocess.run([options.bin / "hadolint", options.source / "Dockerfile"], text=True, capture_output=True)
        self.assertEqual((done.returncode, done.stdout), (0, ""))


    def test_fits_the_command_of_the_document(self):
        """`docker run` of docs/operations.md: volumes, ports, variables and patience are those of image and program."""
        text = (options.source / "docs/operations.md").read_text(encoding="utf-8")
        line = re.search(r"^docker run --detach (.*)$", text.replace("\\\n", " "), re.MULTILINE)[1]
        words = shlex.split(line)

        def given(flag):
            return [value for word, value in zip(words, words[1:]) if word == flag]

        # The last of each kind.
        image = dict(dockerfile.parse((options.source / "Dockerfile").read_text(encoding="utf-8")))
        self.assertEqual([volume.split(":")[1] for volume in given("--volume")], image["VOLUME"].split())
        self.assertEqual([port.split(":")[2] for port in given("--publish")], image["EXPOSE"].split())
        self.assertTrue(all(port.startswith("127.0.0.1:") for port in given("--publish")))
        self.assertEqual(dict(entry.split("=") for entry in given("--env")), OPEN)
        shown = subprocess.run([options.gramiand, "--help"], check=True, text=True, capture_output=True).stdout
        drain = sum(map(int, re.findall(r"^ +--drain[a-z-]+ INT=(\d+)", shown, re.MULTILINE)))
        self.assertGreater(int(given("--stop-timeout")[0]), drain)
        with tempfile.TemporaryDirectory() as folder:
            arguments = [argument.replace("/var/", folder + "/") for argument in json.loads(image["CMD"])]
            done = subprocess.run([options.gramiand, *arguments, "--check-config"], text=True, capture_output=True,
                                  env=dict(os.environ, **OPEN))
        self.assertEqual(done.returncode, 0, done.stderr)


class CheckovTest(unittest.TestCase):
    def test_manifests_have_nothing_that_checkov_finds(self):
        with tempfile.TemporaryDirectory() as folder:
            for overlay in OVERLAYS:
                rendered = yaml.safe_dump_all(Manifests(overlay).objects)
                pathlib.Path(folder, overlay + ".yaml").write_text(rendered, encoding="utf-8")
            shutil.copy(options.source / "deploy/kubernetes/restore.yaml", folder)
            environment = dict(os.environ, LOG_LEVEL="ERROR", CHECKOV_RUN_SCA_PACKAGE_SCAN="false")
            done = subprocess.run(
                [options.checkov, "--directory", folder, "--framework", "kubernetes", "--compact", "--quiet",
                 "--skip-download", "--config-file", options.source / "tests/deploy/checkov.yaml"],
                text=True, capture_output=True, env=environment)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", type=pathlib.Path, required=True, help="folder of the repository")
    parser.add_argument("--gramiand", required=True)
    parser.add_argument("--gramian", required=True)
    parser.add_argument("--checkov", help="the program, for CheckovTest, which is run only when it is named")
    parser.add_argument("tests", nargs="*")
    parser.parse_args(namespace=options)
    options.bin = pathlib.Path(sys.executable).parent
    tests = options.tests or ["ManifestsTest", "RunningTest", "SystemdTest", "DockerfileTest"]
    unittest.main(argv=[sys.argv[0], *tests], verbosity=2)


if __name__ == "__main__":
    main()
