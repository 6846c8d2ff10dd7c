"""A small matrix of runs through Slurm: one job is killed, the same command ends it."""

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from socl_book.tables import wanted_specs
from socl_core.runs.store import Run

ROOT = Path(__file__).parents[2]
PROGRAMS = ("munged", "slurmctld", "slurmd", "squeue")
CONFIGURED = Path("/etc/slurm/slurm.conf")  # jobs look for it there
CONFIGURATION = """
ClusterName=one
SlurmctldHost={host}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_interval=1
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=8000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
# As the cluster is one that keeps no accounts, and its files are seen at once.
HERE = "slurm-status-command: squeue\nslurm-init-seconds-before-status-checks: 2\nslurm-no-account: true\nretries: 0\n"


def install():
    """The daemons, from Debian packages where this may be done; else the test is skipped with the reason."""
    if not os.environ.get("SOCL_SLURM"):
        pytest.skip("it installs and starts daemons of the system: set SOCL_SLURM=1 to run it")
    if os.getuid() != 0:
        pytest.skip(f"Slurm is started as root, and this is {getpass.getuser()}")
    if CONFIGURED.exists():
        pytest.skip(f"this machine is part of a cluster already: {CONFIGURED}")
    pytest.importorskip("snakemake_executor_plugin_slurm", reason='pip install -e ".[slurm]" is needed')
    if not all(map(shutil.which, PROGRAMS)):
        if not shutil.which("apt-get"):
            pytest.skip("Slurm is not installed, and there is no apt-get to install it with")
        packages = ["slurmctld", "slurmd", "slurm-client", "munge"]
        done = subprocess.run(["apt-get", "install", "-y", "-qq", *packages], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"apt-get cannot install Slurm here: {done.stderr.strip()[-200:]}")


@pytest.fixture
def slurm(tmp_path):
    """A cluster of this machine alone; ask(program, ...) returns what a program of Slurm prints."""
    install()
    folder = tmp_path / "slurm"
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    for parent in (folder, *folder.parents[:3]):  # munged trusts no socket that others cannot reach
        parent.chmod(0o755)
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("", 0))
            ports.append(free.getsockname()[1])
    text = CONFIGURATION.format(
        host=socket.gethostname().split(".")[0], folder=folder, ports=ports, cpus=os.cpu_count()
    )
    CONFIGURED.write_text(text)
    (folder / "munge.key").write_bytes(os.urandom(1024))
    (folder / "munge.key").chmod(0o400)
    options = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    munge = ["munged", "-F", "--force", *(f"--{option}={folder}/munge.{kind}" for option, kind in options.items())]
    daemons, log = [], (folder / "daemons.log").open("w")

    def ask(*command):
        return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout

    try:
        for command in (munge, ["slurmctld", "-D", "-c"], ["slurmd", "-D"]):
            daemons.append(subprocess.Popen(command, stdout=log, stderr=log))
            time.sleep(1)
        end = time.monotonic() + 30
        while "idle" not in ask("sinfo", "-h", "-o", "%T"):
            if time.monotonic() > end:
                pytest.skip(f"Slurm does not start here: {(folder / 'daemons.log').read_text()[-300:]}")
            time.sleep(1)
        yield ask
    finally:
        ask("scancel", "--user", getpass.getuser())
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait()
        log.close()
        CONFIGURED.unlink()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_killed_job_is_done_by_the_same_command(slurm, tmp_path, monkeypatch):
    project = tmp_path / "project"
    shutil.copytree(ROOT / "profiles", project / "profiles")
    shutil.copy(ROOT / "Snakefile", project)
    with (project / "profiles/slurm/config.yaml").open("a") as profile:
        profile.write(HERE)
    monkeypatch.chdir(project)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/socl").write_text(f'#!/bin/sh\nexec {sys.executable} -m socl_core.commands.main "$@"\n')
    (tmp_path / "bin/socl").chmod(0o755)
    monkeypatch.setenv(
        "PATH", os.pathsep.join([f"{tmp_path}/bin", str(Path(sys.executable).parent), os.environ["PATH"]])
    )
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    methods = ("mil", "random-siam", "socl-siam")
    specs = [next(spec for spec in wanted_specs("smoke") if spec.method == method) for method in methods]
    runs = [Run.of(spec) for spec in specs]
    command = ["snakemake", "--profile", "profiles/slurm", "--config", "protocol=smoke", "--rerun-incomplete"]
    command += ["--nolock", *(str(run.folder / "result.json") for run in runs)]

    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    end = time.monotonic() + 240
    while runs[2].state != "running" and first.poll() is None and time.monotonic() < end:
        time.sleep(0.1)
    assert runs[2].state == "running", first.communicate()[0][-3000:]
    worker = (runs[2].folder / "lock").read_text().split()[0]
    jobs = slurm("squeue", "-h", "-o", "%i", "-t", "R").split()
    slurm("scancel", "--signal=KILL", "--full", next(j for j in jobs if worker in slurm("scontrol", "listpids", j)))
    said = first.communicate(timeout=240)[0]
    assert first.returncode != 0 and runs[2].state == "killed", said[-3000:]
    assert runs[0].finished and runs[1].finished, said[-3000:]
    before = [(run.folder / "result.json").read_bytes() for run in runs[:2]]

    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0 and runs[2].finished, done.stderr[-3000:]
    assert [(run.folder / "result.json").read_bytes() for run in runs[:2]] == before
