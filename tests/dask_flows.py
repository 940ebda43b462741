"""Small flows, one for each thing that Prefect promises of tasks. Each runs with any task runner."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prefect import allow_failure, flow, get_run_logger, tags, task, unmapped
from prefect.cache_policies import INPUTS, NO_CACHE, RUN_ID
from prefect.context import TaskRunContext
from prefect.futures import as_completed, wait
from prefect.runtime import flow_run as current_flow_run
from prefect.runtime import task_run as current_task_run
from prefect.states import Completed, Failed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from prefect.utilities.annotations import quote

Case = Callable[[TaskRunner[Any]], Any]
CASES: dict[str, Case] = {}


@dataclass
class Box:
    content: Any


def case(function: Case) -> Case:
    CASES[function.__name__] = function
    return function


@task(task_run_name="add-{x}-{y}", cache_policy=NO_CACHE)
def add(x: Any, y: Any = 1) -> Any:
    return x + y


@task(task_run_name="total", cache_policy=NO_CACHE)
def total(numbers: Any, **more: Any) -> Any:
    return sum(numbers) + sum(more.values())


@task(task_run_name="boom", cache_policy=NO_CACHE)
def boom(waits: Any = None) -> None:
    raise ValueError("boom")


@task(task_run_name="after", cache_policy=NO_CACHE)
def after(value: Any = None) -> str:
    return f"after {type(value).__name__}"


@task(task_run_name="speaks", log_prints=True, cache_policy=NO_CACHE)
def speaks() -> None:
    print("printed")
    get_run_logger().info("logged")
    logging.getLogger("prefect.mine").warning("to a logger of Prefect's")


@task(task_run_name="silent", cache_policy=NO_CACHE)
def silent() -> None:
    print("goes nowhere")


@task(task_run_name="unwrap", cache_policy=NO_CACHE)
def unwrap(box: Box) -> Any:
    return box.content


@case
def chains_and_collections(runner: TaskRunner[Any]) -> Any:
    @flow(task_runner=runner)
    def chains() -> Any:
        first, second = add.submit(1), add.submit(2)
        listed = total.submit([first, second, {"n": 3}["n"]])
        return listed.result(), total.submit([first], extra=second).result()

    return chains


@case
def results_passed_on(runner: TaskRunner[Any]) -> Any:
    @flow(task_runner=runner)
    def passing() -> Any:
        big = add.submit(1000).result()
        text = add.submit("a", "b").result()
        return add.submit(big).result(), add.submit(text, "c").result()

    return passing


@case
def futures_in_objects(runner: TaskRunner[Any]) -> Any:
    @flow(task_runner=runner)
    def objects() -> Any:
        return unwrap.submit(Box(add.submit(1))).result()

    return objects


@case
def mapped(runner: TaskRunner[Any]) -> Any:
    @flow(task_runner=runner)
    def mapping() -> Any:
        first = add.map([1, 2, 3], y=unmapped(10))
        second = add.map(first, y=[1, 2, 3])
        third = add.map(add.submit([4, 5], [6]), 100)
        return second.result(), third.result(), total.submit(second).result()

    return mapping


@case
def mapped_wrongly(runner: TaskRunner[Any]) -> Any:
    @flow(task_runner=runner)
    def wrong() -> Any:
        return add.map([1, 2], y=[1, 2, 3])

    return wrong


@case
def waiting_for_others(runner: TaskRunner[Any]) -> Any:
    @flow(task_runner=runner)
    def waiting() -> Any:
        first = add.submit(1)
        second = after.submit(wait_for=[first])
        return second.result(), after.map([1, 2], wait_for=[first, second]).result()

    return waiting


@case
def failure_stops_what_follows(runner: TaskRunner[Any]) -> Any:
    @flow(task_runner=runner)
    def failing() -> Any:
        first = boom.submit()
        second = after.submit(first)
        third = after.submit(wait_for=[second])
        wait([first, second, third])
        return [first.state.name, second.state.name, third.state.name]

    return failing


@case
def failure_raises(runner: TaskRunner[Any]) -> Any:
    @flow(task_runner=runner)
    def raising() -> Any:
        return boom.submit().result()

    return raising


@case
def failure_allowed(runner: TaskRunner[Any]) -> Any:
    @flow(task_runner=runner)
    def allowing() -> Any:
        first = boom.submit()
        return after.submit(allow_failure(first)).result(), after.submit(
            wait_for=[allow_failure(first)]
        ).result()

    return allowing


@case
def retries(runner: TaskRunner[Any]) -> Any:
    @task(retries=2, retry_delay_seconds=[0, 0.1], task_run_name="third-time", cache_policy=NO_CACHE)
    def third_time() -> int:
        context = TaskRunContext.get()
        assert context is not None
        if context.task_run.run_count < 3:
            raise RuntimeError("not yet")
        return context.task_run.run_count

    @task(retries=1, task_run_name="never", cache_policy=NO_CACHE)
    def never() -> None:
        raise RuntimeError("never")

    @task(
        retries=3,
        retry_condition_fn=lambda task, run, state: False,
        task_run_name="no-retry",
        cache_policy=NO_CACHE,
    )
    def not_again() -> None:
        raise RuntimeError("once")

    @flow(task_runner=runner)
    def retrying() -> Any:
        futures = [third_time.submit(), never.submit(), not_again.submit()]
        wait(futures)
        return [future.state.type.value for future in futures]

    return retrying


@case
def caching(runner: TaskRunner[Any]) -> Any:
    @task(cache_policy=INPUTS + RUN_ID, persist_result=True, task_run_name="cached-{x}")
    def cached(x: int) -> int:
        return x

    @flow(task_runner=runner)
    def caches() -> Any:
        first = cached.submit(1)
        first.wait()
        second = cached.submit(1)
        second.wait()
        return first.state.name, second.state.name, second.result()

    return caches


@case
def return_state(runner: TaskRunner[Any]) -> Any:
    @flow(task_runner=runner)
    def states() -> Any:
        one = add.submit(1, return_state=True)
        many = add.map([1, 2], return_state=True)
        return one.name, one.result(), [state.result() for state in many], add.submit(one).result()

    return states


@case
def returned_states(runner: TaskRunner[Any]) -> Any:
    @task(task_run_name="says-{name}", cache_policy=NO_CACHE)
    def says(name: str) -> Any:
        return Failed(message="by hand") if name == "failed" else Completed(message="by hand", data=3)

    @flow(task_runner=runner)
    def saying() -> Any:
        futures = [says.submit("failed"), says.submit("completed")]
        wait(futures)
        return [(future.state.name, future.state.message) for future in futures]

    return saying


@case
def futures_returned_by_the_flow(runner: TaskRunner[Any]) -> Any:
    @flow(task_runner=runner)
    def returning() -> Any:
        return [add.submit(1), add.submit(2)]

    return returning


@case
def as_they_complete(runner: TaskRunner[Any]) -> Any:
    @flow(task_runner=runner)
    def completing() -> Any:
        futures = add.map([1, 2, 3])
        done = sorted(future.result() for future in as_completed(list(futures)))
        finished, open_ones = wait(list(futures), timeout=20)
        return done, len(finished), len(open_ones)

    return completing


@case
def prints_and_logs(runner: TaskRunner[Any]) -> Any:
    @flow(task_runner=runner, log_prints=True)
    def talking() -> None:
        speaks.submit().wait()
        silent.submit().wait()

    return talking


@case
def tagged(runner: TaskRunner[Any]) -> Any:
    @flow(task_runner=runner)
    def tagging() -> Any:
        with tags("outer"):
            first = add.with_options(tags=["own"]).submit(1)
        return add.submit(first).result()

    return tagging


@case
def asynchronous(runner: TaskRunner[Any]) -> Any:
    @task(task_run_name="sleeps-{x}", retries=1, cache_policy=NO_CACHE)
    async def sleeps(x: int) -> int:
        await asyncio.sleep(0)
        get_run_logger().info(f"slept {x}")
        context = TaskRunContext.get()
        assert context is not None
        if x == 2 and context.task_run.run_count == 1:
            raise ValueError("again")
        return x

    @flow(task_runner=runner)
    async def sleeping() -> Any:
        return sleeps.map([1, 2, 3]).result(), add.submit(sleeps.submit(4)).result()

    return sleeping


@case
def subflows(runner: TaskRunner[Any]) -> Any:
    @flow(name="inner", flow_run_name="inner", task_runner=runner)
    def inner(x: Any) -> Any:
        return add.submit(x).result()

    @flow(name="plain", flow_run_name="plain", task_runner=ThreadPoolTaskRunner())
    def plain(x: Any) -> Any:
        return add.submit(x).result()

    @flow(task_runner=runner)
    def outer() -> Any:
        return inner(add.submit(1)), plain(add.submit(2))

    return outer


@case
def flow_in_a_task(runner: TaskRunner[Any]) -> Any:
    @flow(name="in-task", flow_run_name="in-task", task_runner=ThreadPoolTaskRunner())
    def inner(x: Any) -> Any:
        return add.submit(x).result()

    @task(task_run_name="calls-a-flow", cache_policy=NO_CACHE)
    def calls() -> Any:
        return inner(5)

    @flow(task_runner=runner)
    def outer() -> Any:
        return calls.submit().result()

    return outer


@case
def tasks_in_a_task(runner: TaskRunner[Any]) -> Any:
    @task(task_run_name="calls", cache_policy=NO_CACHE)
    def calls() -> Any:
        return add(1) + add.submit(2).result() + sum(add.map([3, 4]).result())

    @flow(task_runner=runner)
    def nesting() -> Any:
        return calls.submit().result()

    return nesting


@case
def timeouts(runner: TaskRunner[Any]) -> Any:
    @task(timeout_seconds=0.2, task_run_name="slow", cache_policy=NO_CACHE)
    async def slow() -> None:
        await asyncio.sleep(20)

    @flow(task_runner=runner)
    def timing() -> Any:
        future = slow.submit()
        future.wait()
        return future.state.name, future.state.message

    return timing


@case
def result_timeout(runner: TaskRunner[Any]) -> Any:
    @task(task_run_name="naps", cache_policy=NO_CACHE)
    def naps() -> int:
        time.sleep(1.0)
        return 1

    @flow(task_runner=runner)
    def impatient() -> Any:
        future = naps.submit()
        try:
            future.result(timeout=0.05)
        except TimeoutError as error:
            raised = str(error).replace(str(future.task_run_id), "ID")
        future.wait(timeout=0.01)
        return raised, future.result()

    return impatient


@case
def runtime_and_names(runner: TaskRunner[Any]) -> Any:
    @task(task_run_name="asks", cache_policy=NO_CACHE)
    def asks(x: int) -> Any:
        return (
            current_task_run.name,
            current_task_run.parameters,
            current_flow_run.flow_name,
            current_flow_run.parameters,
        )

    @flow(name="named", task_runner=runner)
    def named(a: int = 5) -> Any:
        return asks.submit(3).result()

    return named


@case
def quoted(runner: TaskRunner[Any]) -> Any:
    @flow(task_runner=runner)
    def quoting() -> Any:
        return after.submit(quote([1, 2])).result()

    return quoting


@case
def hooks(runner: TaskRunner[Any]) -> Any:
    def told(task: Any, run: Any, state: Any) -> None:
        get_run_logger().info(f"told of {state.name}")

    @task(
        on_completion=[told],
        on_failure=[told],
        on_running=[told],
        task_run_name="hooked",
        cache_policy=NO_CACHE,
    )
    def hooked() -> int:
        return 1

    @flow(task_runner=runner)
    def hooking() -> Any:
        return hooked.submit().result()

    return hooking


@case
def flow_retried(runner: TaskRunner[Any]) -> Any:
    @flow(task_runner=runner, retries=1)
    def again() -> Any:
        if current_flow_run.run_count == 1:
            return boom.submit().result()
        return add.submit(1).result()

    return again
