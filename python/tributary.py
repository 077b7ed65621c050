"""A trainer for Tributary in Python. A site starts the script, which imports this file before anything that prints:

    import tributary
    for task in tributary.tasks():                  # ends when the site has no more of them
        task.load_into(model)
        received = evaluate(model)
        if task.name == "train":
            ...; task.log(step=step, steps=steps, loss=loss)
            task.send(model.state_dict(), samples=n, metrics={"received_loss": received, "held_out_tokens": tokens})
        else:
            task.send(metrics={"received_loss": received, "held_out_tokens": tokens})

docs/TRAINERS.md says what goes over the wire. Needs the standard library; tensors are PyTorch's where it is installed, and Raw otherwise.
"""
import ctypes
import json
import math
import mmap
import os
import queue
import sys
import threading
import time
import typing

try:
    import torch
except ImportError:
    torch = None

PROTOCOL = 1
GRACE = 5  # seconds
SIZES = {"BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2, "I32": 4, "U32": 4, "F32": 4,
         "I64": 8, "U64": 8, "F64": 8}
TORCH = {} if torch is None else {
    "BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "I16": torch.int16, "F16": torch.float16, "BF16": torch.bfloat16,
    "I32": torch.int32, "F32": torch.float32, "I64": torch.int64, "F64": torch.float64}
NAMES = {kind: name for name, kind in TORCH.items()}


class Raw(typing.NamedTuple):
    """A tensor without PyTorch: the type's name in safetensors, the shape, and the elements' bytes, little endian."""
    dtype: str
    shape: tuple
    data: typing.Union[bytes, bytearray, memoryview]


class Task:
    """What the site asks for. One of send and fail answers it."""

    def __init__(self, document, channel):
        self._channel = channel
        self._id = document["task"]
        self._answered = False
        #: Whether the site no longer wants the result. A script that looks at it may stop and go on with the next task; one that does not
        #: is killed a few seconds later. Under torchrun rank 0 alone is told.
        self.aborted = False
        #: "train" or "evaluate", or a name of the workflow's own.
        self.name = document["name"]
        self.job, self.site = document["job"], document["site"]
        self.round, self.step = document["round"], document["step"]
        #: The received model, a safetensors file: read it only.
        self.model_path = document["model"]
        #: For files of this task; emptied before the next one.
        self.folder = document["folder"]
        #: The folder with config.json and tokenizer.json.
        self.checkpoint = document["checkpoint"]
        #: The site's records, and how many of the first to take (None for all).
        self.data, self.records = document["data"], document["records"]
        #: The share of the records to hold out, or the file with those to measure on (None where it is the share).
        self.held_out, self.held_out_data, self.seed = document["held_out"], document["held_out_data"], document["seed"]
        #: How many rounds the job has.
        self.rounds = document["rounds"]
        #: The job's settings under the names of docs/TRAINING.md: epochs, batch_size, learning_rate and so on. All of them are there.
        self.train = document["train"]
        #: What the job sets of the options that the site allows.
        self.options = document["options"]

    def tensors(self):
        """The received model's tensors by name, mapped from the file: changing one does not change the file."""
        return read_safetensors(self.model_path)

    def load_into(self, model):
        """Copies the received tensors into a module's. Names that are not there on one side are an error, but for tied weights."""
        state, received = model.state_dict(), self.tensors()
        known = {state[name].data_ptr() for name in received if name in state}
        missing = [name for name in state if name not in received and state[name].data_ptr() not in known]
        unknown = [name for name in received if name not in state]
        if missing or unknown:
            raise ValueError(f"the module and the received model differ: {_some(missing)} only in the module, {_some(unknown)} only in the model")
        with torch.no_grad():
            for name, tensor in received.items():
                state[name].copy_(tensor)

    def log(self, step=0, steps=0, loss=None, tokens_per_second=None):
        """Tells the site how far the work has come; also the sign of life that keeps it from giving up."""
        document = {"type": "progress", "task": self._id, "step": int(step), "steps": int(steps)}
        if loss is not None:
            document["loss"] = _number(loss)
        if tokens_per_second is not None:
            document["tokens_per_second"] = _number(tokens_per_second)
        self._channel.write(document)

    def send(self, state=None, samples=0, metrics=None, delta=False):
        """Answers with tensors by name (all of the model's or some: the others stay as received), the path of a safetensors file in
        task.folder, or None where nothing was trained. With delta=True they are changes of what was received. samples is the weight of
        the update: the number of records trained on."""
        if self._answered:
            raise RuntimeError("this task has been answered already")
        if self._channel.talks:
            document = {"type": "result", "task": self._id, "samples": int(samples), "delta": bool(delta),
                        "metrics": {name: _number(value) for name, value in (metrics or {}).items()}}
            if isinstance(state, (str, os.PathLike)):
                document["model"] = os.fspath(state)
            elif state is not None:
                document["model"] = "trained.safetensors"
                write_safetensors(os.path.join(self.folder, document["model"]), self._without_twins(state))
            self._channel.answer(document)
        self._answered = True

    def fail(self, message):
        """Answers that the task cannot be done, and why; the site then asks for no other model in its place."""
        self._channel.answer({"type": "error", "task": self._id, "message": str(message)})
        self._answered = True

    def _give_up(self):
        self._channel.answer({"type": "aborted", "task": self._id})
        self._answered = True

    def _without_twins(self, state):
        """Leaves out a tied tensor's second name, which state_dict() gives and a checkpoint does not have."""
        if torch is None:
            return state
        received = read_header(self.model_path)[0]
        kept = {tensor.data_ptr() for name, tensor in state.items() if name in received and isinstance(tensor, torch.Tensor)}
        return {name: tensor for name, tensor in state.items()
                if name in received or not isinstance(tensor, torch.Tensor) or tensor.data_ptr() not in kept}


def tasks():
    """The site's tasks, one after the other. Under torchrun each rank gets them, and rank 0 alone talks to the site; the process group is
    the script's to start."""
    if _channel is None:
        raise RuntimeError("this script was not started by a site; name it in the 'trainers' of a job file, see docs/TRAINERS.md")
    _channel.begin()
    try:
        while True:
            task = _channel.next()
            if task is None:
                return
            yield task
            if task._answered:
                continue
            if task.aborted:
                task._give_up()
            else:
                task.fail("the script went on to the next task without task.send(...) or task.fail(...)")
    finally:
        _channel.settle()


def trainer_callback(task):
    """A callback for Hugging Face's Trainer, which logs its steps and stops when the task is aborted."""
    from transformers import TrainerCallback

    class Callback(TrainerCallback):
        def on_log(self, args, state, control, logs=None, **kwargs):
            task.log(step=state.global_step, steps=state.max_steps, loss=(logs or {}).get("loss"))

        def on_step_end(self, args, state, control, **kwargs):
            control.should_training_stop = control.should_training_stop or task.aborted
            return control

    return Callback()


def read_header(path):
    """The entries of a safetensors file by name, {"dtype", "shape", "data_offsets"}, and where the data begins."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        entries = json.loads(file.read(length))
    entries.pop("__metadata__", None)
    return entries, 8 + length


def read_safetensors(path):
    """The tensors of a file by name. The file is mapped: what is not touched takes no memory."""
    entries, start = read_header(path)
    with open(path, "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    return {name: _view(mapped, start, entry) for name, entry in entries.items()}


def write_safetensors(path, tensors):
    """Writes tensors by name, PyTorch's or Raw; one at a time is brought to the CPU."""
    described = {name: _describe(name, tensor) for name, tensor in tensors.items()}
    # The widest types first, so that all of them lie aligned.
    names = sorted(described, key=lambda name: -SIZES[described[name][0]])
    header, end = {}, 0
    for name in names:
        dtype, shape = described[name]
        begin, end = end, end + SIZES[dtype] * math.prod(shape)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb", buffering=0) as file:
        _write_all(file.fileno(), len(text).to_bytes(8, "little") + text)
        for name in names:
            tensor = tensors[name]
            if isinstance(tensor, Raw):
                _write_all(file.fileno(), tensor.data)
                continue
            dense = tensor.detach().cpu().contiguous()
            count = dense.numel() * dense.element_size()
            if count:
                _write_all(file.fileno(), (ctypes.c_char * count).from_address(dense.data_ptr()))


def _view(mapped, start, entry):
    dtype, shape = entry["dtype"], tuple(entry["shape"])
    begin, end = (start + offset for offset in entry["data_offsets"])
    if torch is None:
        return Raw(dtype, shape, memoryview(mapped)[begin:end])
    if dtype not in TORCH:
        raise ValueError(f"PyTorch has no type for {dtype}")
    if begin == end:
        return torch.empty(shape, dtype=TORCH[dtype])
    count = (end - begin) // SIZES[dtype]
    if begin % SIZES[dtype]:
        return torch.frombuffer(bytearray(mapped[begin:end]), dtype=TORCH[dtype], count=count).reshape(shape)
    return torch.frombuffer(mapped, dtype=TORCH[dtype], count=count, offset=begin).reshape(shape)


def _describe(name, tensor):
    if isinstance(tensor, Raw):
        if len(tensor.data) != SIZES[tensor.dtype] * math.prod(tensor.shape):
            raise ValueError(f"tensor '{name}' has {len(tensor.data)} bytes, which are not {tensor.dtype}{list(tensor.shape)}")
        return tensor.dtype, tensor.shape
    if torch is None or not isinstance(tensor, torch.Tensor) or tensor.dtype not in NAMES:
        raise ValueError(f"'{name}' is {getattr(tensor, 'dtype', type(tensor).__name__)}, which a safetensors file cannot hold")
    return NAMES[tensor.dtype], tuple(tensor.shape)


def _write_all(descriptor, data):
    left = memoryview(data).cast("B")
    while left:
        left = left[os.write(descriptor, left):]


def _number(value):
    """JSON has no NaN: the site takes it as a word, and says which figure it is."""
    value = float(value)
    return value if math.isfinite(value) else "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _some(names):
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "") if names else "none"


class _Channel:
    """The lines between this process and the site. What the script, or a library of it, prints on stdout goes to stderr: to the site's log."""

    def __init__(self):
        self.talks = int(os.environ.get("RANK", "0")) == 0
        self._ranks = int(os.environ.get("WORLD_SIZE", "1"))
        self._lock = threading.Lock()
        self._queue = queue.Queue()
        self._known = {}
        self._answers = []
        self._begun = False
        sys.stdout.flush()
        # Raw descriptors: a thread that waits in a buffered stdin keeps Python from ending.
        self._input, self._output = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        sys.stdout = sys.stderr

    def begin(self):
        if self.talks and not self._begun:
            self._begun = True
            threading.Thread(target=self._listen, name="tributary", daemon=True).start()
            self.write({"type": "ready", "protocol": PROTOCOL})

    def next(self):
        if self._ranks > 1:
            torch.distributed.barrier()
            self.settle()
        document = self._take() if self.talks else None
        if self._ranks > 1:
            box = [document]
            torch.distributed.broadcast_object_list(box, src=0)
            document = box[0]
        if document is None:
            return None
        return self._known[document["task"]] if self.talks else Task(document, self)

    def answer(self, document):
        """An answer lets the site clear the task's folder, so it waits until no rank reads there any more: all have come for the next task."""
        self._answers.append(document)
        if self._ranks == 1:
            self.settle()

    def settle(self):
        while self._answers:
            self.write(self._answers.pop(0))

    def write(self, document):
        if self.talks:
            with self._lock:
                _write_all(self._output, json.dumps(document).encode() + b"\n")

    def _take(self):
        """The next task that is still wanted; None at the end."""
        while True:
            document = self._queue.get()
            if document is None or not self._known[document["task"]].aborted:
                return document
            self._known[document["task"]]._give_up()
            self.settle()

    def _listen(self):
        rest = b""
        while True:
            block = os.read(self._input, 65536)
            if not block:
                self._queue.put(None)
                self._end_with_site()
                return
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                self._hear(json.loads(line))

    def _end_with_site(self):
        """A site closes the lines when it has its results. Where it has not, it is gone, and nobody waits for this process."""
        unanswered = [task for task in self._known.values() if not task._answered]
        for task in unanswered:
            task.aborted = True
        time.sleep(GRACE if unanswered else 0)
        if any(not task._answered for task in unanswered):
            os._exit(1)

    def _hear(self, document):
        if document["type"] == "task":
            self._known = {document["task"]: Task(document, self)}
            self._queue.put(document)
        elif document["type"] == "abort":
            task = self._known.get(document["task"])
            if task is None:
                self.write({"type": "aborted", "task": document["task"]})
            else:
                task.aborted = True


_channel = _Channel() if os.environ.pop("TRIBUTARY_TRAINER", None) else None
