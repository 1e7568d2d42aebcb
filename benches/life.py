"""What an order's whole life costs, from its acceptance to its delivery.

Started by `./scripts/bench life`, which says what the environment variables mean. For each rate Waybill is measured in
turn with the floor, a bare prototype of the same life, where FLOOR names one: neighbouring runs, each on a fresh store.
A figure is the median of its runs, and the least and the most of them are shown beside it.

Processor time is utime + stime of the server's process (proc(5)), and of PostgreSQL's processes, from the first order
sent until the last is delivered, divided by the orders delivered. The load is a process of its own and is not counted.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import life_plot

TICKS = os.sysconf("SC_CLK_TCK")
#: How long the last order may take after the last answer.
DRAIN_S = 180
#: Between two looks at how many are delivered.
LOOK_S = 0.1
FLOOR_PORT = 4000
#: The rate of a closed loop.
CLOSED = "closed"


def processor_seconds(pid, with_children=False):
    """utime + stime of a process, and of the children that it has waited for."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11 : 15 if with_children else 13]) / TICKS


def children(pid):
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def written_bytes(pid):
    """What a process caused to be sent to the disk; 0 where the kernel does not say."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/io").read_text().splitlines()
    except PermissionError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("write_bytes:")), 0)


def flushes(folder):
    """Flushes that the disk under a folder has carried out: syncs, of all processes of the machine."""
    device = os.stat(folder).st_dev
    stat = pathlib.Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat")
    for path in (stat, stat.parent.parent / "stat"):
        try:
            fields = path.read_text().split()
        except OSError:
            continue
        if len(fields) > 15 and int(fields[15]):
            return int(fields[15])
    return None


class Postgres:
    """The server that PG names, and the databases that are made there and dropped."""

    def __init__(self, url):
        self.url = url
        folder = self.ask("postgres", "SHOW data_directory")
        self.pid = int((pathlib.Path(folder) / "postmaster.pid").read_text().split()[0])

    def ask(self, database, sql):
        command = ["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", f"{self.url}/{database}", "-c", sql]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def fresh(self, database):
        self.drop(database)
        self.ask("postgres", f"CREATE DATABASE {database}")
        self.ask("postgres", "CHECKPOINT")
        return f"{self.url}/{database}"

    def drop(self, database):
        self.ask("postgres", f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def processor_seconds(self):
        # Processes that have ended since are in the first one's account of its children.
        running = sum(processor_seconds(child) for child in children(self.pid))
        return processor_seconds(self.pid, with_children=True) + running

    def log_bytes(self):
        return int(self.ask("postgres", "SELECT pg_current_wal_insert_lsn() - '0/0'"))

    def commits(self, database):
        return int(self.ask("postgres", f"SELECT xact_commit FROM pg_stat_database WHERE datname = '{database}'"))


class Server:
    """A program under measurement, on a fresh store."""

    def __init__(self, name, command, port, folder, environment, postgres, database):
        self.name, self.port, self.folder = name, port, folder
        self.postgres, self.database = postgres, database
        self.log = open(folder / "output.log", "w", encoding="utf-8")
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=self.log, stderr=subprocess.STDOUT, process_group=0
        )
        self.pid = self.process.pid
        for _ in range(400):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        self.stop()
        sys.exit(f"scripts/bench: {name} does not listen on port {port}: {self.log.name}")

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return answer.read().decode()

    def delivered(self):
        if self.name == "floor":
            return int(self.get("/delivered"))
        for line in self.get("/metrics").splitlines():
            if line.startswith('waybill_orders{name="delivered"}'):
                return int(float(line.split()[-1]))
        return 0

    def used(self):
        """Counters that rise: processor seconds, bytes written, log written, commits, flushes."""
        used = {"cpu": processor_seconds(self.pid), "written": written_bytes(self.pid), "flushes": flushes(self.folder)}
        if self.postgres:
            used["database_cpu"] = self.postgres.processor_seconds()
            used["log"] = self.postgres.log_bytes()
            used["commits"] = self.postgres.commits(self.database)
        return used

    def resident_mb(self):
        lines = pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

    def stored_bytes(self):
        if self.postgres:
            return int(self.postgres.ask("postgres", f"SELECT pg_database_size('{self.database}')"))
        return sum(file.stat().st_size for file in self.folder.rglob("*.db"))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Bench:
    def __init__(self, options):
        self.options = options
        self.waybill = str(pathlib.Path(os.environ["WAYBILL"]).resolve())
        self.floor = os.environ.get("FLOOR") and str(pathlib.Path(os.environ["FLOOR"]).resolve())
        self.port = int(os.environ.get("PORT", "3900"))
        self.postgres = Postgres(os.environ["PG"]) if options.store == "postgres" else None
        # The demo profile on loopback has the usual settings of every other kind, and a secret that both programs know.
        self.environment = dict(os.environ, JWT_SECRET="your-secret-key-here-change-in-production")
        token = [self.waybill, "token", "--profile", "demo", "--scope", "admin", "--expires", "1d"]
        token = subprocess.run(token, check=True, capture_output=True, text=True, env=self.environment)
        self.environment["WAYBILL_TOKEN"] = token.stdout.strip()

    def client(self, *arguments):
        command = [self.waybill, *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)

    def start(self, name, folder):
        environment, database = dict(self.environment), None
        if name == "floor":
            command, port = [self.floor, "sqlitelife", self.options.floor_mode], FLOOR_PORT
            if self.postgres:
                database = "waybill_bench_floor"
                environment["PG"] = self.postgres.fresh(database)
                prepare = ["psql", "-qX", environment["PG"], "-f", os.environ["FLOOR_SQL"]]
                subprocess.run(prepare, check=True, capture_output=True)
                command = [self.floor, "pglife"]
            return Server(name, command, port, folder, environment, self.postgres, database)
        command = [self.waybill, "serve", "--profile", "demo", "--listen", f"127.0.0.1:{self.port}"]
        command += ["--data", str(folder / "store")]
        for setting in ["delivery.ship_delay_ms=0", "delivery.deliver_delay_ms=0", *self.options.set]:
            command += ["--set", setting]
        if self.postgres:
            database = "waybill_bench"
            environment["DATABASE_URL"] = self.postgres.fresh(database)
            subprocess.run([self.waybill, "migrate"], env=environment, check=True, capture_output=True)
        return Server(name, command, self.port, folder, environment, self.postgres, database)

    def once(self, name, rate):
        """One run on a fresh store; its figures."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="waybill-bench-"))
        server = self.start(name, folder)
        try:
            url = f"http://127.0.0.1:{server.port}"
            if name == "waybill":
                seeded = self.client("seed", "--url", url, "--skus", "1000", "--on-hand", "1000000000", "--prefix", "product-")
                if seeded.returncode:
                    sys.exit(f"scripts/bench: no stock: {seeded.stderr}")
            return self.measured(server, url, rate)
        finally:
            server.stop()
            if self.postgres:
                self.postgres.drop(server.database)
            shutil.rmtree(folder)

    def measured(self, server, url, rate):
        connections = "64" if rate == CLOSED else "256"
        load = ["load", "--url", url, "--json", "--dialect", "sales", "--connections", connections]
        load += ["--duration", f"{self.options.seconds}s"] + ([] if rate == CLOSED else ["--rate", str(rate)])
        before, began = server.used(), time.monotonic()
        ran = self.client(*load)
        ended = time.monotonic()
        try:
            report = json.loads(ran.stdout)
        except ValueError:
            sys.exit(f"scripts/bench: the load failed: {ran.stderr or ran.stdout}")
        in_time, orders = server.delivered(), report["acknowledged"]
        delivered = in_time
        while delivered < orders and time.monotonic() - ended < DRAIN_S:
            time.sleep(LOOK_S)
            delivered = server.delivered()
        drained, after = time.monotonic(), server.used()
        if delivered < orders:
            sys.exit(f"scripts/bench: {server.name} delivered {delivered} of {orders} within {DRAIN_S} s")
        each = {key: (after[key] - before[key]) / orders for key in after if after[key] is not None}
        cpu = (each["cpu"] + each.get("database_cpu", 0)) * 1e6
        figures = {
            "cpu_us": cpu,
            "server_cpu_us": each["cpu"] * 1e6,
            "acknowledged_per_s": report["acknowledgedPerSecond"],
            "delivered_per_s": in_time / (ended - began),
            "delivered_in_all_per_s": orders / (drained - began),
            "lag_s": drained - ended,
            "late_orders": orders - in_time,
            "p50_ms": report["latencyMs"]["p50"],
            "p99_ms": report["latencyMs"]["p99"],
            "p999_ms": report["latencyMs"]["p99.9"],
            "written_kib": each["written"] / 1024,
            "stored_kb": server.stored_bytes() / orders / 1000,
            "resident_mb": server.resident_mb(),
        }
        if "flushes" in each:
            figures["syncs"] = each["flushes"]
        if "log" in each:
            figures |= {"log_kb": each["log"] / 1000, "commits": each["commits"]}
        if report["errors"]:
            figures["errors"] = report["errors"]
        return figures


def summed_up(runs):
    """The median of each figure, with the least and the most."""
    keys = [key for key in runs[0] if all(key in run for run in runs)]
    spread = {}
    for key in keys:
        values = sorted(run[key] for run in runs)
        spread[key] = {"median": statistics.median(values), "least": values[0], "most": values[-1]}
    return spread


def row(name, figures):
    def text(key, digits=0):
        if key not in figures:
            return "–"
        each = figures[key]
        return f"{each['median']:.{digits}f} ({each['least']:.{digits}f}–{each['most']:.{digits}f})"

    shown = [name, text("cpu_us"), text("delivered_per_s"), text("lag_s", 1)]
    shown += [text("p50_ms", 1), text("p99_ms", 1), text("p999_ms", 1), text("syncs", 2), text("written_kib", 1)]
    shown += [text("stored_kb", 1), text("log_kb", 1), text("commits", 2)]
    return "| " + " | ".join(shown) + " |"


HEAD = (
    "| | µs of processor an order | delivered/s | lag, s | p50, ms | p99, ms | p99.9, ms | syncs an order | KiB written "
    "| kB stored | kB of database log | commits an order |\n|---|---|---|---|---|---|---|---|---|---|---|---|"
)


def rates(text):
    return [CLOSED if rate == CLOSED else int(rate) for rate in text.split(",")]


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench life", description="What an order's whole life costs")
    parser.add_argument("--store", choices=["sqlite", "postgres"], default=os.environ.get("STORE", "sqlite"))
    parser.add_argument("--rates", type=rates, default=rates("500,1000,2000,4000,closed"), metavar="N,…,closed")
    parser.add_argument("--runs", type=int, default=5, help="runs of each rate; their median is told (default 5)")
    parser.add_argument("--seconds", type=int, default=10, help="of load in each run (default 10)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of Waybill")
    parser.add_argument("--floor-mode", choices=["passes", "three", "one"], default="passes")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="where every figure goes")
    parser.add_argument("--plot", type=pathlib.Path, metavar="FILE.svg", help="where the picture goes")
    options = parser.parse_args()
    bench = Bench(options)
    names = ["waybill"] if not bench.floor else ["floor", "waybill"]
    results = []
    print(HEAD)
    for rate in options.rates:
        runs = {name: [] for name in names}
        for number in range(options.runs):
            # Who begins changes, so that a machine that grows slower favours nobody.
            for name in names if number % 2 == 0 else names[::-1]:
                if sys.stderr.isatty():
                    print(f"\r{rate}: run {number + 1} of {options.runs}, {name}   ", end="", file=sys.stderr)
                runs[name].append(bench.once(name, rate))
        result = {"rate": rate, "store": options.store, "runs": runs}
        result |= {name: summed_up(of_name) for name, of_name in runs.items()}
        if sys.stderr.isatty():
            print("\r", end="", file=sys.stderr)
        for name in names:
            print(row(f"{rate}, {name}", result[name]), flush=True)
        if bench.floor:
            pairs = zip(runs["floor"], runs["waybill"])
            ratios = sorted(floor["cpu_us"] / waybill["cpu_us"] for floor, waybill in pairs)
            result["ratio"] = {"median": statistics.median(ratios), "least": ratios[0], "most": ratios[-1]}
            finished = sorted(
                waybill["delivered_in_all_per_s"] / floor["delivered_in_all_per_s"] for floor, waybill in zip(runs["floor"], runs["waybill"])
            )
            result["finished_ratio"] = statistics.median(finished)
            print(
                f"{rate}: processor time, floor divided by Waybill {statistics.median(ratios):.2f} "
                f"({ratios[0]:.2f}–{ratios[-1]:.2f}); delivered/s until the last one, Waybill divided by floor "
                f"{statistics.median(finished):.2f}",
                flush=True,
            )
        results.append(result)
        if options.json:
            options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if options.plot:
        options.plot.write_text(life_plot.svg(results), encoding="utf-8")
        print(f"plot: {options.plot}")


if __name__ == "__main__":
    main()
