"""Builds the wheel of tributary.py: python3 build_wheel.py FOLDER. Standard library only; the same bytes on every machine.

The version is that of Directory.Build.props. A wheel is a zip with the modules and a folder of metadata:
https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""
import base64
import hashlib
import pathlib
import re
import sys
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
METADATA = """\
Metadata-Version: 2.1
Name: tributary
Version: {version}
Summary: What a training script imports to take part in a Tributary federation
License: Apache-2.0
Classifier: License :: OSI Approved :: Apache Software License
Classifier: Programming Language :: Python :: 3
Requires-Python: >=3.8
Description-Content-Type: text/markdown

# tributary

A trainer for Tributary, federated learning for large language models. A site starts the script, which does tasks and sends models back:

```python
{example}
```

Needs the standard library; tensors are PyTorch's where it is installed.
"""
WHEEL = """\
Wheel-Version: 1.0
Generator: build_wheel ({version})
Root-Is-Purelib: true
Tag: py3-none-any
"""


def files(version):
    """What lies in the wheel, by path, but for RECORD."""
    module = (HERE / "tributary.py").read_bytes()
    indented = re.search(rb"\n\n((?:    .*\n|\n)+)", module).group(1).decode()
    example = re.sub(r"^    ", "", indented, flags=re.MULTILINE).strip()
    info = f"tributary-{version}.dist-info"
    return {
        "tributary.py": module,
        f"{info}/METADATA": METADATA.format(version=version, example=example).encode(),
        f"{info}/WHEEL": WHEEL.format(version=version).encode(),
        f"{info}/licenses/LICENSE": (HERE.parent / "LICENSE").read_bytes(),
    }


def record(contents, name):
    """Each file's digest and length; RECORD itself has none."""
    rows = []
    for path, data in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(data)}\n")
    return "".join(rows + [f"{name},,\n"]).encode()


def build(folder):
    version = re.search(r"<Version>(.+)</Version>", (HERE.parent / "Directory.Build.props").read_text()).group(1)
    contents = files(version)
    name = f"tributary-{version}.dist-info/RECORD"
    contents[name] = record(contents, name)
    wheel = pathlib.Path(folder) / f"tributary-{version}-py3-none-any.whl"
    wheel.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, data in contents.items():
            # Stored, with a time and rights of our own choice: neither the clock nor a version of zlib may change the bytes.
            entry = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            archive.writestr(entry, data)
    return wheel


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__.splitlines()[0])
    print(build(sys.argv[1]))
