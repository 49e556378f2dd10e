"""A provider of closed models on loopback, for tests: files, batches, chat completions and fine-tuning jobs over real HTTP,
by really running and really fine-tuning the laptop model. It counts what is paid, and fails as it is told to."""

import json
import os
import re
import signal
import threading
from collections import Counter
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path

from brain import Brain

BATCH_STATES = ("validating", "in_progress")
REFUSALS = {  # of requests, by the odd reply that brings them
    "too-long": ("context_length_exceeded", "This model's maximum context length is exceeded"),
    "no-room": ("400", "max_tokens must be at least 1, got 0. (parameter=max_tokens, value=0)"),  # as vLLM says it
    "filtered": ("content_filter", "The prompt was filtered"),
}
JOB_STATES = ("validating_files", "queued", "running")


class Wrong(Exception):
    """An answer with an error status."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass
class Fault:
    """What is to go wrong with requests whose method and path match, so many times; ``after``: when the work is done."""

    kind: str
    where: str
    times: int = 1
    after: bool = False
    value: object = None


@dataclass
class Provider:
    """All that it knows. ``slow``: how often a batch or job is looked at before it ends."""

    brain: Brain
    key: str
    slow: int = 1
    faults: list[Fault] = field(default_factory=list)
    endings: list[str] = field(default_factory=list)  # of the batches to come: expired-half, failed-queue, ...
    job_endings: list[str] = field(default_factory=list)  # of the jobs to come
    odd_replies: list[str] = field(default_factory=list)  # of the replies to come: refused, empty, ...
    files: dict[str, dict] = field(default_factory=dict)
    batches: dict[str, dict] = field(default_factory=dict)
    jobs: dict[str, dict] = field(default_factory=dict)
    replies: Counter = field(default_factory=Counter)  # paid, by what was asked
    tokens: Counter = field(default_factory=Counter)  # paid: prompt, sampled, trained
    calls: list[str] = field(default_factory=list)
    victim: int = 0  # the process to kill
    kills: set = field(
        default_factory=set
    )  # (call, "before" | "after") at which to kill it, each once; "all": each twice
    seen: Counter = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.lock = threading.RLock()

    # What a request does

    def answer(self, method: str, path: str, query: dict, headers: dict, body: bytes) -> object:
        """The JSON, or bytes, of an answer."""
        if headers.get("authorization") != f"Bearer {self.key}":
            raise Wrong(401, "invalid_api_key", f"Incorrect API key provided: {headers.get('authorization')}")
        routes = [
            ("POST", "/chat/completions", lambda: self.complete(json.loads(body))),
            ("POST", "/files", lambda: self.upload(headers, body)),
            ("GET", "/files", lambda: self._list(self.files, query)),
            ("GET", r"/files/([\w-]+)/content", lambda name: self._find(self.files, name)["data"]),
            ("POST", "/batches", lambda: self.batch(json.loads(body))),
            ("GET", "/batches", lambda: self._list(self.batches, query)),
            ("GET", r"/batches/([\w-]+)", lambda name: self.look_at_batch(name)),
            ("POST", "/fine_tuning/jobs", lambda: self.job(json.loads(body))),
            ("GET", "/fine_tuning/jobs", lambda: self._list(self.jobs, query)),
            ("GET", r"/fine_tuning/jobs/([\w-]+)", lambda name: self.look_at_job(name)),
        ]
        with self.lock:
            for verb, pattern, work in routes:
                if verb == method and (found := re.fullmatch(pattern, path)):
                    return work(*found.groups())
        raise Wrong(404, "not_found", f"no {method} {path}")

    def _find(self, where: dict, name: str) -> dict:
        if name not in where:
            raise Wrong(404, "not_found", f"no {name}")
        return where[name]

    def _list(self, where: dict, query: dict) -> dict:
        """The newest first, two a page, so that pages are turned."""
        found = [_shown(entry) for entry in reversed(where.values())]
        if "purpose" in query:
            found = [entry for entry in found if entry["purpose"] == query["purpose"][0]]
        after = query.get("after", [None])[0]
        start = next((i + 1 for i, entry in enumerate(found) if entry["id"] == after), 0)
        page = found[start : start + 2]
        return {"object": "list", "data": page, "has_more": start + 2 < len(found)}

    def complete(self, request: dict) -> dict:
        """A reply, paid for."""
        if request["model"] not in self.brain.models:
            raise Wrong(404, "model_not_found", f"The model {request['model']!r} does not exist")
        if request["model"] == "reasoner" and ({"temperature", "max_tokens", "seed"} & set(request)):
            raise Wrong(400, "unsupported_parameter", "Unsupported parameter")
        said = self.brain.reply(request)
        odd = self.odd_replies.pop(0) if self.odd_replies else ""
        if said.prompt + said.sampled > self.brain.context:
            odd = "too-long"
        if odd in REFUSALS:
            raise Wrong(400, *REFUSALS[odd])
        self.replies[json.dumps([request["model"], request["messages"], request.get("seed")])] += 1
        self.tokens.update(prompt=said.prompt, sampled=said.sampled)
        message, finish = {"role": "assistant", "content": said.text, "refusal": None}, said.finish
        if odd == "refused":
            message, finish = {"role": "assistant", "content": None, "refusal": "I cannot help with that."}, "stop"
        elif odd in ("empty", "null"):
            message["content"] = "" if odd == "empty" else None
        elif odd in ("cut", "content_filter", "abort"):
            finish = "length" if odd == "cut" else odd
        usage = {"prompt_tokens": said.prompt, "completion_tokens": said.sampled}
        usage["total_tokens"] = sum(usage.values())
        choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
        answer = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": request["model"]}
        answer |= {"choices": [choice], "usage": usage}
        if odd == "no-usage":
            del answer["usage"]
        if odd == "no-choices":
            answer["choices"] = []
        return answer

    def upload(self, headers: dict, body: bytes) -> dict:
        """A file of a form."""
        form = BytesParser(policy=HTTP).parsebytes(
            b"Content-Type: " + headers["content-type"].encode() + b"\r\n\r\n" + body
        )
        fields = {part.get_param("name", header="content-disposition"): part for part in form.iter_parts()}
        data = fields["file"].get_payload(decode=True)
        return self._store(data, fields["file"].get_filename(), fields["purpose"].get_payload(decode=True).decode())

    def _store(self, data: bytes, name: str, purpose: str) -> dict:
        number = f"file-{len(self.files)}"
        shown = {"id": number, "object": "file", "bytes": len(data), "created_at": 1, "filename": name}
        self.files[number] = {**shown, "purpose": purpose, "status": "processed", "data": data}
        return _shown(self.files[number])

    def batch(self, request: dict) -> dict:
        """A batch is taken; its work is done when it is first looked at after its wait."""
        lines = self._find(self.files, request["input_file_id"])["data"].splitlines()
        number = f"batch_{len(self.batches)}"
        entry = {"id": number, "object": "batch", "created_at": 1, "status": "validating"}
        entry |= {key: request[key] for key in ("endpoint", "input_file_id", "completion_window", "metadata")}
        entry |= {"looks": 0, "ending": self.endings.pop(0) if self.endings else "completed"}
        entry["request_counts"] = {"total": len(lines), "completed": 0, "failed": 0}
        self.batches[number] = entry
        return _shown(entry)

    def look_at_batch(self, name: str) -> dict:
        """A batch, a little later."""
        entry = self._find(self.batches, name)
        entry["looks"] += 1
        if entry["status"] in BATCH_STATES:
            entry["status"] = "in_progress"
            if entry["looks"] > self.slow and entry["ending"] != "stuck":
                self._end(entry)
        return _shown(entry)

    def _end(self, entry: dict) -> None:
        ending = entry["ending"]
        entry["status"] = ending.split("-")[0]
        if entry["status"] == "failed":
            code = {"failed-queue": "token_limit_exceeded"}.get(ending, "invalid_request")
            entry["errors"] = {"object": "list", "data": [{"code": code, "message": f"{ending} of our choice"}]}
            return
        lines = [json.loads(line) for line in self.files[entry["input_file_id"]]["data"].splitlines()]
        done = lines[: len(lines) // 2] if ending.endswith("half") else [] if ending.endswith("none") else lines
        good, bad = [], []
        for i, line in enumerate(done):
            said = {"id": f"r{i}", "custom_id": line["custom_id"], "error": None}
            if ending == "completed-errors" and i % 3 == 0:
                bad.append(
                    said | {"response": {"status_code": 500, "body": {"error": {"message": "a server's error"}}}}
                )
                continue
            try:
                response = {"status_code": 200, "body": self.complete(line["body"])}
                good.append(said | {"response": response})
            except Wrong as wrong:
                error = {"error": {"code": wrong.code, "message": str(wrong)}}
                bad.append(said | {"response": {"status_code": wrong.status, "body": error}})
        for key, found in (("output_file_id", good), ("error_file_id", bad)):
            if found:
                text = "".join(json.dumps(line) + "\n" for line in reversed(found))  # in no order
                entry[key] = self._store(text.encode(), f"{key}.jsonl", "batch_output")["id"]
        entry["request_counts"] |= {"completed": len(good), "failed": len(bad)}

    def job(self, request: dict) -> dict:
        """A fine-tuning job is taken."""
        for key in ("training_file", "validation_file"):
            if request.get(key):
                self._check_examples(self._find(self.files, request[key])["data"], least=10 * (key == "training_file"))
        number = f"ftjob-{len(self.jobs)}"
        settings = request.get("method", {}).get("supervised", {}).get("hyperparameters", {})
        entry = {"id": number, "object": "fine_tuning.job", "created_at": 1, "status": "validating_files"}
        entry |= {"model": request["model"], "training_file": request["training_file"], "seed": request.get("seed", 0)}
        entry |= {"validation_file": request.get("validation_file"), "metadata": request.get("metadata")}
        entry |= {"organization_id": "org", "hyperparameters": {"n_epochs": settings.get("n_epochs", 3)}}
        entry |= {"fine_tuned_model": None, "finished_at": None, "trained_tokens": None, "result_files": []}
        entry |= {"error": {"code": None, "message": None, "param": None}, "suffix": request.get("suffix")}
        entry |= {"looks": 0, "ending": self.job_endings.pop(0) if self.job_endings else "succeeded"}
        self.jobs[number] = entry
        return _shown(entry)

    def _check_examples(self, data: bytes, least: int) -> None:
        lines = [json.loads(line) for line in data.splitlines()]
        if len(lines) < least:
            raise Wrong(400, "invalid_training_file", f"{len(lines)} examples, at least {least} are needed")
        for line in lines:
            said = line["messages"]
            if said[-1]["role"] != "assistant" or not all(m["content"] for m in said):
                raise Wrong(400, "invalid_training_file", "an example of the wrong form")

    def look_at_job(self, name: str) -> dict:
        """A job, a little later."""
        entry = self._find(self.jobs, name)
        entry["looks"] += 1
        if entry["status"] in JOB_STATES:
            entry["status"] = JOB_STATES[min(entry["looks"], 2)]
            if entry["looks"] > self.slow and entry["ending"] != "stuck":
                self._train(entry)
        return _shown(entry)

    def _train(self, entry: dict) -> None:
        entry["status"] = entry["ending"].split("-")[0]
        if entry["status"] != "succeeded":
            entry["error"] = {"code": "of_our_choice", "message": f"{entry['ending']} of our choice", "param": None}
            return
        files = [self.files[entry[key]]["data"] if entry[key] else b"" for key in ("training_file", "validation_file")]
        epochs = entry["hyperparameters"]["n_epochs"]
        made = self.brain.train(entry["model"], *files, epochs=epochs, seed=entry["seed"], name=entry["id"])
        entry["trained_tokens"] = made.tokens
        self.tokens.update(trained=made.tokens)
        entry["fine_tuned_model"] = None if entry["ending"].endswith("nameless") else made.model
        text = "nonsense\n" if entry["ending"].endswith("nonsense") else made.metrics
        if not entry["ending"].endswith("bare"):
            entry["result_files"] = [self._store(text.encode(), "metrics.csv", "fine-tune-results")["id"]]

    # How it fails

    def strike(self, where: str) -> Fault | None:
        """The fault of a request (its method and path), if there is one."""
        with self.lock:
            for fault in self.faults:
                if fault.times and re.match(fault.where, where):
                    fault.times -= 1
                    return fault
        return None

    def kill(self, where: str, when: str) -> bool:
        """Kill the client at this point, if it is to be killed there and has not been. Returns whether it was."""
        point, times = (re.sub(r"(file-|batch_|ftjob-)\d+", "ID", where), when), 2 if "all" in self.kills else 1
        if not (self.victim and ({point, "all"} & self.kills) and self.seen[point] < times):
            return False
        self.seen[point] += 1
        os.kill(self.victim, signal.SIGKILL)
        self.victim = 0
        return True


def _shown(entry: dict) -> dict:
    return {key: value for key, value in entry.items() if key not in ("data", "looks", "ending")}


def lines(path: Path) -> list[dict]:
    """The entries of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines()]
