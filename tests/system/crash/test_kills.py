"""Core, worker, facade and PostgreSQL are killed at random moments under load, and every call is accounted for.

`TRUNKLINE_TEST_SEED` repeats a run's calls and kills, as far as a machine's own chance allows.
"""

import os
from collections import Counter
from pathlib import Path

import pytest
from system.crash.ledger import Ledger
from system.crash.run import Plan, Run
from system.crash.wishes import NATURES

DATABASES = ["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))]


async def killed(plan: Plan, folder: Path, capsys: pytest.CaptureFixture[str]) -> Ledger:
    """Run the plan; every call must be accounted for."""
    one = Run(plan, folder)
    await one.run()
    ledger, account = one.ledger, one.account
    with capsys.disabled():
        print(f"\n{plan}")
        print("kills", dict(Counter(part for _, part in ledger.kills)), "calls", len(ledger.calls))
        print("answers", dict(Counter(answer for entry in ledger.calls for answer in entry.answers).most_common()))
        print("ends", dict(account.ends.most_common()))
        for reason, count in account.rewrites.most_common():
            print(f"written again {count} times: {reason}")
    shown = "\n".join([*account.faults[:20], "", *one.stories])
    assert not account.faults, f"{len(account.faults)} faults with seed {plan.seed}, logs in {folder}:\n{shown}"
    assert {part for _, part in ledger.kills} == {"core", "mqtt", "facade", *(["postgres"] if plan.postgres else [])}
    return ledger


def seed(usual: int) -> int:
    return int(os.environ.get("TRUNKLINE_TEST_SEED", usual))


@pytest.mark.parametrize("database", DATABASES)
async def test_some_kills(database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = Plan(seed=seed(5), kills=8, seconds=30, mean_s=0.7, postgres=database == "postgres")
    ledger = await killed(plan, tmp_path, capsys)
    assert sum(bool(entry.call_id) for entry in ledger.calls) >= 20


@pytest.mark.long
@pytest.mark.parametrize("database", DATABASES)
async def test_many_kills(database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = Plan(seed=seed(55), kills=150, seconds=170, mean_s=0.4, postgres=database == "postgres")
    ledger = await killed(plan, tmp_path, capsys)
    assert len(ledger.kills) >= 60
    assert sum(bool(entry.call_id) for entry in ledger.calls) >= 1_000
    assert {entry.wish.device for entry in ledger.calls if entry.writes} == set(range(len(NATURES)))
