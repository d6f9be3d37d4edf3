"""The checker of histories: accepts what can be explained, refuses what can not."""

import itertools
import random
import unittest

from harness import RANDOM
from linear import NEVER, Op, apply, cells, check


def put(name, value, began, ended=NEVER):
    return Op("put", name, value=value, began=began, ended=ended)


def read(name, value, began, ended):
    return Op("read", name, value=value, began=began, ended=ended)


def move(name, to, value, began, ended=NEVER):
    return Op("move", name, to=to, value=value, began=began, ended=ended)


def delete(name, value, began, ended=NEVER):
    return Op("delete", name, value=value, began=began, ended=ended)


def listing(value, began, ended):
    return Op("list", value=value, began=began, ended=ended)


GOOD = {
    "nothing": [],
    "one after the other": [put("a", 1, 0, 1), read("a", 1, 2, 3), delete("a", True, 4, 5), read("a", None, 6, 7)],
    "two puts at once, in either order": [put("a", 1, 0, 10), put("a", 2, 0, 10), read("a", 1, 11, 12)],
    "a read during a put sees either": [put("a", 1, 0, 1), put("a", 2, 2, 10), read("a", 1, 3, 4), read("a", 2, 5, 6)],
    "a put without an answer, seen much later": [put("a", 1, 0, 1), put("a", 2, 2), read("a", 1, 5, 6), read("a", 2, 90, 91)],
    "a put without an answer, never seen": [put("a", 1, 0, 1), put("a", 2, 2), read("a", 1, 90, 91)],
    "a move without an answer": [put("a", 1, 0, 1), move("a", "b", None, 2), read("a", None, 5, 6), read("b", 1, 7, 8)],
    "a delete without an answer of what came later": [delete("a", None, 0), put("a", 1, 1, 2), read("a", None, 3, 4)],
    "a move takes the value along": [put("a", 1, 0, 1), move("a", "b", True, 2, 3), listing({"b": 1}, 4, 5)],
    "a list during a move": [put("a", 1, 0, 1), move("a", "b", True, 2, 9), listing({"a": 1}, 3, 4), listing({"b": 1}, 5, 6)],
    "the loser of two deletes": [put("a", 1, 0, 1), delete("a", True, 2, 9), delete("a", False, 2, 9)],
}

BAD = {
    "a lost put": [put("a", 1, 0, 1), read("a", None, 2, 3)],
    "an old value after a newer one was acknowledged": [put("a", 1, 0, 1), put("a", 2, 2, 3), read("a", 1, 4, 5)],
    "back and forth": [put("a", 1, 0, 1), put("a", 2, 2, 20), read("a", 2, 3, 4), read("a", 1, 5, 6)],
    "seen, and then not": [put("a", 1, 0), read("a", 1, 2, 3), read("a", None, 4, 5)],
    "two readers, two orders": [put("a", 1, 0, 30), put("a", 2, 0, 30), read("a", 1, 1, 2), read("a", 2, 3, 4),
                                read("a", 1, 5, 6)],
    "half of a move: both": [put("a", 1, 0, 1), move("a", "b", True, 2, 9), listing({"a": 1, "b": 1}, 3, 4)],
    "half of a move: none": [put("a", 1, 0, 1), move("a", "b", True, 2, 9), listing({}, 3, 4)],
    "a move that came back": [put("a", 1, 0, 1), move("a", "b", True, 2, 3), read("a", 1, 4, 5)],
    "deleted twice": [put("a", 1, 0, 1), delete("a", True, 2, 9), delete("a", True, 2, 9)],
    "a put without an answer, before it began": [read("a", 1, 0, 1), put("a", 1, 2)],
    "a put without an answer that took effect twice": [put("a", 1, 0), read("a", 1, 1, 2), put("a", 2, 3, 4),
                                                       read("a", 1, 5, 6)],
    "a value that nobody put": [read("a", 7, 0, 1)],
}


def explained(history):
    """The same by trying every order: for short histories."""
    sure = [op for op in history if op.ended != NEVER]
    unsure = [op for op in history if op.ended == NEVER]
    for count in range(len(unsure) + 1):
        for some in itertools.combinations(unsure, count):
            for order in itertools.permutations(sure + list(some)):
                if any(later.ended < order[at].began for at in range(len(order)) for later in order[at + 1:]):
                    continue
                state = ()
                for op in order:
                    state = apply(op, state)
                    if state is None:
                        break
                if state is not None:
                    return True
    return False


def random_history(rng, count, clients, unanswered=0.1):
    """Of a store that works: each operation takes effect at a moment between its begin and its end."""
    moments = []
    for client in range(clients):
        at = rng.randrange(10)
        for _ in range(count // clients):
            began, effect = at, at + 1 + rng.randrange(20)
            at = effect + 1 + rng.randrange(20)
            moments.append((effect + rng.random(), began, at))
            at += rng.randrange(5)
    history, state, value = [], {}, 0
    for _, began, ended in sorted(moments):
        name, to = rng.sample("abc", 2)
        value += 1
        answered = rng.random() > unanswered
        kind = rng.choice(("put", "put", "read", "read", "move", "delete", "list"))
        there = name in state
        if kind in ("read", "list"):
            seen = dict(state) if kind == "list" else state.get(name)
            history.append(Op(kind, name, value=seen, began=began, ended=ended))
            continue
        if not answered and rng.random() < 0.5:     # It never took effect
            history.append(Op(kind, name, to, value if kind == "put" else None, began))
            continue
        if kind == "put":
            state[name] = value
        elif there:
            moved = state.pop(name)
            if kind == "move":
                state[to] = moved
        outcome = value if kind == "put" else there if answered else None
        history.append(Op(kind, name, to, outcome, began, ended if answered else NEVER))
    return history


class Checker(unittest.TestCase):
    def test_known_good(self):
        for name, history in GOOD.items():
            self.assertIsNone(check(history), name)

    def test_known_bad(self):
        for name, history in BAD.items():
            self.assertIsNotNone(check(history), name)

    def test_same_verdict_as_trying_every_order(self):
        rng = random.Random(RANDOM.randrange(1 << 32))
        refused = 0
        for at in range(300):
            history = random_history(rng, 6, rng.choice((1, 2, 3)))
            reads = [op for op in history if op.kind == "read"]
            if reads and at % 2:
                wrong = rng.choice(reads)
                history[history.index(wrong)] = wrong._replace(value=rng.randrange(1, 7))
            verdict = check(history) is None
            self.assertEqual(verdict, explained(history), history)
            refused += not verdict
        self.assertGreater(refused, 30)
        self.assertLess(refused, 270)

    def test_long_histories_of_a_store_that_works(self):
        rng = random.Random(RANDOM.randrange(1 << 32))
        for _ in range(20):
            history = random_history(rng, 200, 6, unanswered=0.02)
            self.assertIsNone(check(history))
            names = [at for at, op in enumerate(history) if op.kind == "list" and op.value and op.began > 1000]
            for at in names[:1]:
                history[at] = history[at]._replace(value=dict(history[at].value, a=999))
                self.assertIsNotNone(check(history))

    def test_lines_of_the_load_program(self):
        line = {"worker": 1, "cell": 2, "from": "", "to": "", "value": 0, "seen": None, "began": 1, "ended": 2, "rc": "ok"}
        lines = [dict(line, op="put", to="x/cell-2/a", value=5), dict(line, op="get", **{"from": "x/cell-2/a"}, seen=5),
                 dict(line, op="move", **{"from": "x/cell-2/a", "to": "x/cell-2/b"}, rc="timeout"),
                 dict(line, op="get", **{"from": "x/cell-2/a"}, rc="unreachable"),
                 dict(line, op="list", **{"from": "x/cell-3"}, seen={}), dict(line, op="keep", to="x/keep/1", value=6)]
        found = cells(lines)
        self.assertEqual(found["cell-2"], [put("a", 5, 1, 2), read("a", 5, 1, 2), move("a", "b", None, 1)])
        self.assertEqual(found["cell-3"], [listing({}, 1, 2)])
        self.assertEqual(set(found), {"cell-2", "cell-3"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
