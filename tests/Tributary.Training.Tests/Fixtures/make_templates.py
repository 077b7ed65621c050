#!/usr/bin/env python3
"""Makes templates/expected.json beside this file: what Jinja2 makes of chat templates and of small pieces of its language.

python3 make_templates.py [--check]   (jinja2 3.1). The environment is the one in which transformers renders chat templates: sandboxed,
blocks trimmed, with its own tojson, raise_exception and strftime_now, here on a fixed day. The templates are of the usual forms of Llama models.
--check makes it again and compares it with what is there.
"""
import json
import sys
from datetime import datetime
from pathlib import Path

import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

FILE = Path(__file__).resolve().parent / "templates" / "expected.json"
DAY = datetime(2024, 7, 26)
NAMES = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}

LLAMA2 = """{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}{% set system = messages[0]['content'] %}{% else %}{% set rest = messages %}{% set system = false %}{% endif %}
{%- for message in rest -%}
{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles take turns: user, assistant, user, ...') }}{% endif %}
{%- if loop.index0 == 0 and system != false -%}
{% set content = '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' + message['content'] %}
{%- else -%}
{% set content = message['content'] %}
{%- endif -%}
{%- if message['role'] == 'user' -%}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}
{%- elif message['role'] == 'assistant' -%}{{ ' ' + content.strip() + ' ' + eos_token }}{%- endif -%}
{%- endfor %}"""

LLAMA3 = """{% for message in messages %}{% set turn = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' %}{% if loop.first %}\
{% set turn = bos_token + turn %}{% endif %}{{ turn }}{% endfor %}
{%- if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"""

LLAMA31 = """{{- bos_token }}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}

{#- The system message stands first, whether there is one or not. #}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is not none %}
    {{- "Environment: ipython\\n" }}
    {%- for tool in tools | reject('equalto', 'interpreter') %}
        {{- tool | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{{- "Known until: December 2023\\n" }}
{{- "Today: " + date_string + "\\n\\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("One tool at a time!") }}
        {%- endif %}
    {%- elif message.content is mapping or message.content is iterable %}
        {{- message.content | tojson }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""

CHATML = """{% for message in messages %}
    {{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' -}}
{% endfor %}
{% if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' -}}
{% endif %}
"""

# The newlines of the template itself are in the text, so that what comes before an answer is not what comes before one that is to be made.
CHATML_UNEVEN = """{% for message in messages %}
{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}
{% endfor %}
{% if add_generation_prompt %}
{{ '<|im_start|>assistant\\n' }}
{% endif %}
"""

CHATML_DEFAULT_SYSTEM = """{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\nBe brief.<|im_end|>\\n' }}{% endif %}\
{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""

ZEPHYR = """{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>\\n' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>\\n' + message['content'] + eos_token }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>\\n'  + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}"""

NAMESPACES = """{%- set ns = namespace(system='', turns=0, found=false) -%}
{%- for message in messages -%}
  {%- if message.role == 'system' and not ns.found -%}
    {%- set ns.system = message.content.strip() -%}{%- set ns.found = true -%}
  {%- elif message.role == 'user' -%}
    {{- bos_token if ns.turns == 0 -}} [INST]{{ ' ' ~ (ns.system ~ '\\n\\n' if ns.system and loop.last else '') ~ message.content }} [/INST]
    {%- set ns.turns = ns.turns + 1 -%}
  {%- else -%}
    {{- ' ' + message.content|trim + eos_token -}}
  {%- endif -%}
{%- endfor -%}"""

FORMS = {"llama2": LLAMA2, "llama3": LLAMA3, "llama31": LLAMA31, "chatml": CHATML, "chatml-uneven": CHATML_UNEVEN,
         "chatml-default-system": CHATML_DEFAULT_SYSTEM, "zephyr": ZEPHYR, "namespaces": NAMESPACES}


def talk(*turns):
    return [{"role": role, "content": content} for role, content in turns]


CONVERSATIONS = [
    talk(("user", "What is a tributary?")),
    talk(("user", "  What is a tributary? \n"), ("assistant", " A river that flows into another.\n")),
    talk(("system", "You know rivers."), ("user", "Name one."), ("assistant", "The Aare."), ("user", "Where does it end?")),
    talk(("system", " "), ("user", "größer 🦆 𐐀 \"quoted\" {{ x }} {% if %}"), ("assistant", "ja\n\nnein"), ("user", ""), ("assistant", "")),
    talk(("user", "first"), ("user", "second")),
    talk(("system", "only this")),
]

VALUES = {
    "a": 7, "b": -3, "f": 2.5, "t": " Text of  Words ", "e": "", "n": None, "yes": True, "no": False, "u": "ä🦆𐐀", "list": ["x", "y", "z"], "empty": [],
    "d": {"k": "v", "n": 1, "items": "own", "l": [1, 2]}, "rows": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r", "extra": 1}],
    "nest": {"a": [1, None, True, "ü\n\"q\"/<>&'"], "b": {}, "c": []},
}

SNIPPETS = """{{ a }} {{ b }} {{ f }} {{ n }} {{ yes }} {{ list }} {{ d }} {{ nothing }}
{{ a + b }} {{ a - b }} {{ a * b }} {{ a / 2 }} {{ a // b }} {{ a % b }} {{ b % a }} {{ -a }} {{ f * 2 }} {{ 2 ** 3 }} {{ a + yes }}
{{ 1 + 2 * 3 - 4 }} {{ (1 + 2) * 3 }} {{ 'a' ~ 1 + 2 ~ 'b' }} {{ 'x' + 'y' ~ none }} {{ '-' * 5 }} {{ list + ['w'] }}
{{ a == 7 }} {{ a == 7.0 }} {{ yes == 1 }} {{ 'a' < 'b' }} {{ 1 < a < 9 }} {{ a != b and b < 0 }} {{ nothing == other }} {{ n == false }} {{ [1, 'a'] == [1.0, 'a'] }}
{{ 'x' in list }} {{ 'q' not in list }} {{ 'ex' in t }} {{ 'k' in d }} {{ 'x' in nothing }} {{ not 'x' in list }}
{{ a and b }} {{ e or 'other' }} {{ n or e or 0 }} {{ not e }} {{ yes and not no }} {{ e and nothing.x }}
{{ 'one' if a > 1 else 'two' }} {{ 'one' if no }} {{ ('p' if no else 'q') + 'r' }} {{ 1 if no else 2 if yes else 3 }}
{{ list[0] }} {{ list[-1] }} {{ list[9] }} {{ list[1:] }} {{ list[:-1] }} {{ list[::-1] }} {{ list[::2] }} {{ t[1:5] }} {{ u[1] }} {{ u[-1:] }} {{ u[::-1] }} {{ list[5:1] }}
{{ d.k }} {{ d['k'] }} {{ d.nope }} {{ d['items'] }} {{ d.get('k') }} {{ d.get('q', 'else') }} {{ d.l[1] }} {{ d.l.0 }} {{ list.0 }} {{ rows[1].role }}
{{ t | trim }}|{{ t | trim | upper }}|{{ t | lower }}|{{ 'aBC dEF' | capitalize }}|{{ t | length }}|{{ u | length }}|{{ list | count }}
{{ list | join(', ') }} {{ list | join }} {{ list | first }} {{ list | last }} {{ empty | first }} {{ rows | map(attribute='role') | join('/') }} {{ list | map('upper') | list }}
{{ rows | selectattr('role', 'equalto', 'user') | list }} {{ rows | rejectattr('role', 'eq', 'user') | map(attribute='content') | list }} \
{{ rows | selectattr('extra', 'defined') | list | length }}
{{ [0, 1, '', 'a'] | select | list }} {{ [1, 2, 3] | reject('odd') | list }} {{ [1, 2, 3] | reverse | list }} {{ 'abc' | reverse }}
{{ nothing | default('other') }} {{ e | default('other') }} {{ e | default('other', true) }} {{ n | default('d', boolean=true) }}
{{ nest | tojson }}
{{ nest | tojson(indent=2) }}
{{ 'ü' | tojson }} {{ 3.5 | tojson }} {{ yes | tojson }} {{ n | tojson }} {{ [] | tojson(indent=2) }}
{{ '12' | int + 1 }} {{ 'x' | int }} {{ 'x' | int(9) }} {{ 3.9 | int }} {{ '2.5' | float }} {{ a | string + 'x' }} {{ -5 | abs }} {{ (-5) | abs }}
{{ 'a-b-c' | replace('-', '+') }} {{ 'a-b-c'.replace('-', '+', 1) }} {{ 'a-b-c'.split('-') }} {{ 'a-b-c'.split('-', 1) }} {{ 'a-b-c'.rsplit('-', 1)[0] }} {{ ' a  b '.split() }} \
{{ 'a-b'.split('-')[-1] }}
{{ t.strip() }}|{{ t.lstrip() }}|{{ t.rstrip() }}|{{ '\\x1c a\\u3000\\u200b'.strip() }}|{{ 'xxaxx'.strip('x') }}|{{ 'xyaxy'.lstrip('yx') }}|{{ 'a\\n'.rstrip('\\n') }}
{{ 'abc'.startswith('ab') }} {{ 'abc'.endswith(('x', 'c')) }} {{ 'abc'.upper() }} {{ 'Abc'.lower() }} {{ 'abc'.find('c') }} {{ 'aXa'.count('a') }} {{ 'hello wide world'.title() }} \
{{ '-'.join(list) }} {{ 'a\\nb\\n'.splitlines() }} {{ '12'.isdigit() }} {{ 'abc'.removeprefix('a') }}
{{ a is defined }} {{ nothing is defined }} {{ nothing is undefined }} {{ n is none }} {{ a is not none }} {{ t is string }} {{ d is mapping }} {{ list is iterable }} \
{{ list is sequence }} {{ a is number }} {{ yes is boolean }} {{ yes is true }} {{ no is false }} {{ a is odd }} {{ a is divisibleby 7 }} {{ a is eq 7 }} {{ 'x' is in list }} \
{{ f is float }} {{ a is integer }} {{ yes is integer }}
{% for x in list %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.revindex }}{{ loop.length }}{{ x }}{{ loop.previtem }}{{ loop.nextitem }};{% endfor %}
{% for x in empty %}no{% else %}none{% endfor %} {% for x in nothing %}no{% else %}none{% endfor %} {% for k, v in d.items() %}{{ k }}={{ v }},{% endfor %} {% for k in d %}{{ k }}\
{% endfor %} {% for c in u %}{{ c }}.{% endfor %}
{% for x in [1, 2, 3, 4, 5, 6] if x is even %}{{ x }}{{ loop.last }}{% endfor %} {% for x in range(5) %}{% if x == 1 %}{% continue %}{% endif %}{% if x == 3 %}{% break %}{% endif %}{{ x }}\
{% endfor %} {{ range(2, 10, 3) | list }}
{% set x = 1 %}{% for i in list %}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }} {% if yes %}{% set x = 9 %}{% endif %}{{ x }} {% set p, q = 'p', 'q' %}{{ q ~ p }} \
{% set ns = namespace(c=0) %}{% for i in list %}{% set ns.c = ns.c + 1 %}{% endfor %}{{ ns.c }}
{% set body %}a {{ a }} b{% endset %}[{{ body }}] {% set pair = (1, 2) %}{{ pair[1] }} {{ {'a': 1, 'b': [1, 2]}['b'][0] }} {{ dict(a=1).a }} {{ {} }}
{%- if a > 100 -%} no {%- elif a > 5 -%} yes {%- else -%} else {%- endif -%} !
  {% if yes %}  \\n  kept  {% endif %}  \\n  after
a\\n  {%- if yes %}\\n  b\\n  {%- endif %}\\n  c\\n
a\\n  {% if yes %}\\n  b\\n  {% endif %}\\n  c\\n\\n
a\\n  {%+ if yes %}\\n b {% endif +%}\\n c
{# comment #}\\n  {# another #}  \\nx {#- third -#}  y
{% raw %}{{ not }} {% this %}{% endraw %} {{ '{{' }} {{ "}}" }} {{ '{%' }}
 {{- ' a ' -}}  b  {{ 'c' }}\\n{{ 'd' }}\\n
{{ "it's" }} {{ 'say "x"' }} {{ 'a\\\\tb\\\\n' }} {{ 'a' 'b' }} {{ '\\\\u00e9\\\\x41' }} {{ ["it's", 'a"b', 'x\\\\ny'] }}
{% if messages is defined and messages[0].role == 'user' %}q{% endif %}{% if not a is none and (n is none or n > 3) %}r{% endif %}
{{ strftime_now('%d %b %Y') }} {{ strftime_now('%Y-%m-%d %A %B %y %%') }} {{ strftime_now is defined }} {{ bos_token }}{{ pad_token }}
{% generation %}{{ a }}{% endgeneration %}
{{ 1_000 }} {{ 0.5 }} {{ 1.0 }} {{ [1,] }} {{ (1,) | length }} {{ none is none }} {{ None }} {{ True }}
{% for row in rows %}{% for c in row.content %}{{ loop.index }}{{ c }}{% endfor %}{{ loop.index }}{% endfor %}
{% set rest = rows[1:] if rows[0]['role'] == 'user' else rows %}{{ rest | length }}{{ rows | length - 1 }}{{ (rows | length) % 2 == 0 }}""".split("\n")


def environment():
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    class Generation(jinja2.ext.Extension):
        tags = {"generation"}

        def parse(self, parser):
            line = next(parser.stream).lineno
            body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
            return jinja2.nodes.Scope(body).set_lineno(line)

    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    env.filters["tojson"] = lambda x, ensure_ascii=False, indent=None, separators=None, sort_keys=False: json.dumps(
        x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = DAY.strftime
    return env


def render(env, template, variables):
    try:
        return {"text": env.from_string(template).render(**variables)}
    except jinja2.exceptions.TemplateError as error:
        return {"error": str(error)}


def document():
    env = environment()
    forms = []
    for name, template in FORMS.items():
        cases = [{"messages": messages, "add_generation_prompt": flag,
                  **render(env, template, {**NAMES, "messages": messages, "add_generation_prompt": flag, "tools": None, "documents": None})}
                 for messages in CONVERSATIONS for flag in (False, True)]
        forms.append({"name": name, "template": template, "cases": cases})
    snippets = [snippet.replace("\\n", "\n").replace("\\\n", "\\n") for snippet in SNIPPETS]
    rows = [{"template": snippet, **render(env, snippet, {**NAMES, **VALUES})} for snippet in snippets]
    failed = [row for row in rows if "error" in row]
    assert not failed, failed
    return json.dumps({"names": NAMES, "values": VALUES, "forms": forms, "snippets": rows}, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    made = document()
    if "--check" not in sys.argv:
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text(made, encoding="utf-8")
    elif not FILE.exists() or FILE.read_text(encoding="utf-8") != made:
        sys.exit(f"{FILE} is not what this script makes")
    else:
        print("as committed")
