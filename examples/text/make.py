"""Writes sums.txt: small stories whose numbers have to be worked out, in a few patterns of English."""
import random

rng = random.Random(1)
words = ("no one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
         "seventeen eighteen").split()
people = [("Anna", "she", "her"), ("Tom", "he", "him"), ("Mary", "she", "her"), ("Ben", "he", "him"), ("Ruth", "she", "her")]
things = ["apple", "pear", "stone", "shell", "nut", "coin", "book", "egg"]
openings = ["In the morning", "After the rain", "One day", "On the way home", "At the market"]


def number(n, thing):
    return f"{words[n]} {thing}" + ("" if n == 1 else "s")


def story():
    (a, he, him), (b, _, _) = rng.sample(people, 2)
    thing, n = rng.choice(things), rng.randint(1, 9)
    if rng.random() < 0.6:
        m = rng.randint(1, 9)
        gift = f"{b} gives {him} {number(m, thing)}" if rng.random() < 0.5 else f"{he} finds {number(m, thing)}"
        total = n + m
    else:
        m = rng.randint(1, n)
        gift = f"{he} gives {b} {number(m, thing)}" if rng.random() < 0.5 else f"{he} loses {number(m, thing)}"
        total = n - m
    return f"{a} has {number(n, thing)}. {rng.choice(openings)} {gift}. Now {a} has {number(total, thing)}.\n"


with open("sums.txt", "w", encoding="utf-8") as out:
    while out.tell() < 60_000:
        out.write(story())
