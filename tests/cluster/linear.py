"""Is there one order of operations that explains what everybody saw? (Linearizability, after Wing and Gong, with Lowe's
just-in-time search.) Every operation took effect at one moment between its begin and its end; one that got no answer took
effect at any moment after its begin, or never.

What is checked at once is a cell: some names of one folder that are put, moved among each other, deleted and read. A
state is a dictionary of the names that are there, as sorted pairs; values are what was put, each used once. Cells have
nothing to do with each other, so each is searched by itself.

    problem = check([Op("put", "a", value=1, began=0, ended=5), Op("get", "a", value=1, began=6, ended=7)])
"""

import collections

NEVER = float("inf")
CONFIGURATIONS_MAX = 200000

Op = collections.namedtuple("Op", "kind name to value began ended")
Op.__new__.__defaults__ = (None, None, None, 0, NEVER)
#   kind    name    to      value
#   put     name            what was put
#   move    name    name    True, or False: there was no such name
#   delete  name            same
#   read    name            what was seen; None: there was no such name
#   list                    all that was seen: {name: value}
#
#   ended is NEVER if there was no answer; value is None then for moves and deletes, and reads are left out.


def key(state):
    return tuple(sorted(state.items()))


def apply(op, state):
    """The state after it, or None if it can not have happened here. state is as key gives it."""
    names = dict(state)
    if op.kind == "put":
        names[op.name] = op.value
        return key(names)
    if op.kind == "read":
        return state if names.get(op.name) == op.value else None
    if op.kind == "list":
        return state if names == op.value else None
    there = op.name in names
    if op.value is None:            # No answer: if there is nothing, it did nothing
        if not there:
            return None
    elif op.value != there:
        return None
    if there:
        value = names.pop(op.name)
        if op.kind == "move":
            names[op.to] = value
    return key(names)


class TooMuch(Exception):
    """The history has too many operations at the same time."""


class Found:
    """Configurations: a state, which answered operations under way took effect, and which unanswered ones. Of two that
    differ in the last only, the one that used fewer is enough: it can do all that the other can."""

    def __init__(self):
        self.used = collections.defaultdict(list)
        self.count = 0

    def add(self, state, taken, used):
        """False if there is one as good."""
        others = self.used[state, taken]
        if any(other <= used for other in others):
            return False
        self.used[state, taken] = [other for other in others if not used <= other] + [used]
        self.count += 1
        if self.count > CONFIGURATIONS_MAX:
            raise TooMuch()
        return True

    def all(self):
        return [(state, taken, used) for (state, taken), several in self.used.items() for used in several]


def expand(configurations, pending, wanted):
    """All configurations that can be reached by operations under way, and in which the wanted one took effect."""
    reached, found, work = Found(), Found(), collections.deque()
    for configuration in configurations:
        if reached.add(*configuration):
            work.append(configuration)
    while work:
        state, taken, used = work.popleft()
        if wanted in taken:
            found.add(state, taken - {wanted}, used)
            continue                # What else is under way can take effect later as well
        for number, op in pending.items():
            if number in taken or number in used:
                continue
            after = apply(op, state)
            if after is None or (after == state and op.ended == NEVER):
                continue
            answered = op.ended != NEVER
            configuration = (after, taken | {number}, used) if answered else (after, taken, used | {number})
            if reached.add(*configuration):
                work.append(configuration)
    return found.all()


def check(history, state=()):
    """None if the history is linearizable; else the operation that nothing explains, and what could have been."""
    events = []
    for number, op in enumerate(history):
        events.append((op.began, 0, number))
        if op.ended != NEVER:
            events.append((op.ended, 1, number))
    pending = {}
    configurations = [(key(dict(state)), frozenset(), frozenset())]
    for _, ends, number in sorted(events):
        if not ends:
            pending[number] = history[number]
            continue
        before = configurations
        configurations = expand(configurations, pending, number)
        del pending[number]
        if not configurations:
            return "%s; before it there was one of %s" % (history[number],
                                                          sorted({str(dict(state)) for state, _, _ in before})[:5])
    return None


# ---- Histories of the load program

SURE = {"ok", "not_found"}              # With any other result nobody knows whether it took effect
READS = {"get", "stat", "list"}


def op_of(line):
    """An operation from a line of the load program's, on names below its cell; None if it says nothing."""
    rc, kind = line["rc"], line["op"]
    if rc not in SURE and kind in READS:
        return None
    def name(path):
        return path.rsplit("/", 1)[-1]
    ended = line["ended"] if rc in SURE else NEVER
    times = {"began": line["began"], "ended": ended}
    if kind == "put":
        return Op("put", name(line["to"]), value=line["value"], **times) if rc != "not_found" else None
    if kind in ("get", "stat"):
        return Op("read", name(line["from"]), value=line["seen"] if rc == "ok" else None, **times)
    if kind == "list":
        return Op("list", value=line["seen"], **times) if rc == "ok" else None
    value = None if ended == NEVER else rc == "ok"
    return Op(kind, name(line["from"]), to=name(line["to"]) or None, value=value, **times)


def cells(lines):
    """{cell: history}"""
    histories = collections.defaultdict(list)
    for line in lines:
        path = line["from"] or line["to"]
        parts = [part for part in path.split("/") if part.startswith("cell-")]
        op = op_of(line) if parts else None
        if op:
            histories[parts[0]].append(op)
    return histories
