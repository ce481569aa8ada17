"""The command recommend: lists of people, pairs and files, and options that do not go together."""

import json

import pandas as pd
import pytest

from pipeline import recommend
from pipeline.errors import UserError

MINE = "anime_id,rating,status\n10,10,\n30,9,\n20,2,\n50,,dropped\n60,,planned\n80,,watching\n"
THEIRS = "title,rating\nTitle number 4,10\nIn English 2,9\nTitle number 1,1\n"


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The lists of two people, in the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.csv").write_text(MINE)
    (tmp_path / "theirs.csv").write_text(THEIRS)
    return tmp_path


@pytest.fixture
def run(models, files, monkeypatch, capsys):
    """Run the command with these words; returns what it prints."""

    def run(*words):
        monkeypatch.setattr("sys.argv", ["recommend", "--model", str(models), *map(str, words)])
        monkeypatch.setenv("COLUMNS", "200")
        recommend.main()
        return capsys.readouterr().out

    return run


@pytest.fixture
def listed(run):
    """Run the command with these words; returns the titles that it lists."""
    return lambda *words: json.loads(run(*words, "--json"))


@pytest.fixture
def says(models, files, monkeypatch, capsys):
    """Run the command with these words; returns what it says apart from the titles."""

    def says(*words):
        monkeypatch.setattr("sys.argv", ["recommend", "--model", str(models), *words])
        recommend.main()
        return capsys.readouterr().err

    return says


def ids(titles):
    return [title["anime_id"] for title in titles]


def test_a_title_is_listed_with_both_questions_and_how_sure_the_model_is(listed):
    for title in listed("--ratings", "mine.csv", "-k", 4):
        assert title["low"] <= title["high"]
        assert len(title["grades"]) == 10
        assert {"prediction", "liked", "watch", "why", "why_watch", "planned"} <= title.keys()


def test_a_list_for_two_has_nothing_that_either_has_seen_and_what_it_is_to_the_other(listed, run):
    words = "--ratings", "mine.csv", "--with-ratings", "theirs.csv"
    titles = listed(*words, "-k", 50)
    assert not {10, 20, 30, 40, 50, 60, 80} & {*ids(titles)}
    assert all(title["other"]["prediction"] != title["prediction"] for title in titles)
    both = listed("--user", 30, "--with-user", "user7", "-k", 3)
    assert ids(both) == ids(listed("--user", "user7", "--with-user", 30, "-k", 3))
    assert ids(listed("--user", 30, "--with-ratings", "mine.csv", "-k", 3))
    table = run(*words, "-k", 3)
    assert "other's" in table
    assert "│ 3 │" in table


def test_planned_titles_are_hidden_listed_alone_or_marked(listed, run):
    mine = "--ratings", "mine.csv", "-k", 50
    assert 60 not in ids(listed(*mine))
    assert ids(listed(*mine, "--planned", "only")) == [60]
    marked = listed(*mine, "--planned", "mark")
    assert [title["anime_id"] for title in marked if title["planned"]] == [60]
    assert run(*mine, "--planned", "mark").count("you plan to watch it") == 1


def test_ignored_titles_are_not_listed_and_say_nothing(listed):
    mine = "--ratings", "mine.csv", "-k", 50
    all_of_it, ignoring = listed(*mine), listed(*mine, "--ignore", "Title number 1", "--ignore", 30)
    assert {*ids(ignoring)} == {*ids(all_of_it)}
    words = {part["what"] for t in ignoring for part in (*t["why"], *t["why_watch"])}
    assert not {word for word in words if word.startswith(("Title number 1,", "Title number 3,"))}
    assert ignoring[0]["prediction"] != all_of_it[0]["prediction"]
    below = listed(*mine, "--ignore-below", 10)
    words = {part["what"] for t in below for part in (*t["why"], *t["why_watch"])}
    rated = {word for word in words if "rated" in word}
    assert rated == {"Title number 1, rated 10"}


def test_what_was_understood_of_a_list_is_said_apart_from_the_answer(says, listed, files):
    rows = "Titel number 1,85", "Nonsense,90", "Title number 2,70", "Title number 3,x"
    (files / "brought.csv").write_text("\n".join(["title,rating", *rows]))
    assert listed("--ratings", "brought.csv"), "JSON is all of the standard output"
    said = says("--ratings", "brought.csv", "--ignore", "titel number 4")
    assert "brought.csv: 2 titles read. 1 by likeness: 'Titel number 1' read as Title" in said
    assert "1 not in the catalogue: line 3: no title is called 'Nonsense'." in said
    assert (
        "1 skipped: line 5: rating 'x' is not a number. Ratings go up to 90; read as out o" in said
    )
    assert "'titel number 4' read as Title number 4." in said
    assert "read as" in says("--like", "titel number 4")
    assert "out of" not in says("--ratings", "brought.csv", "--scale", "1,100")


@pytest.mark.parametrize("name", ["user7", "USER7", "70", "id:70", "name:user7"])
def test_a_user_is_found_by_id_and_by_name_in_capital_or_small_letters(listed, name):
    assert ids(listed("--user", name, "-k", 3)) == ids(listed("--user", "user7", "-k", 3))


def test_by_order_sure_the_highest_lower_ends_come_first(listed):
    low = [title["low"] for title in listed("--user", 30, "--order", "sure", "-k", 9)]
    assert low == sorted(low, reverse=True)
    by_rating = [t["prediction"] for t in listed("--user", 30, "--order", "rating", "-k", 9)]
    assert by_rating == sorted(by_rating, reverse=True)


def test_what_comes_next_needs_a_series_that_was_begun(run):
    with pytest.raises(UserError, match="no title is left that matches the filters"):
        run("--user", 30, "--next")  # the titles of the small model have no sequels


def test_the_lists_of_all_users_go_to_a_file(run, files, listed):
    assert "lists of 40 users" in run("--all", "--out", "all.parquet", "-k", 3, "--niche", 0.5)
    lists = pd.read_parquet(files / "all.parquet")
    own = lists[lists["user_id"] == 30]["anime_id"].tolist()
    assert own == ids(listed("--user", 30, "-k", 3, "--niche", 0.5))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--like 10 --next", "--next: only together with --user or --ratings"),
        ("--like 10 --ignore 20", "--ignore: only together with --user or --ratings"),
        ("--like 10 --ignore-below 5", "--ignore-below: only together with --user or --ratings"),
        ("--like 10 --niche 1", "--niche: only together with --user or --ratings"),
        ("--like 10 --order sure", "--order: only together with --user or --ratings"),
        ("--like 10 --with-user 30", "--with-user and --with-ratings: only together with --user"),
        ("--all --out x.parquet --planned mark", "--planned: only together with --user"),
        ("--all --out x.parquet --dropped-sequels", "--dropped-sequels: only together with"),
        ("--all --out x.parquet --json", "--all writes Parquet, not JSON"),
        ("--all --out l.csv", r"--out l\.csv: the lists are written as Parquet; end it in \.parq"),
        ("--user 30 --scale 1,100", "--scale: only together with --ratings or --with-ratings"),
        ("--user 30 --with-user 50 --order sure", "--order and --diversity are for one user"),
        ("--user 30 --with-user 50 --diversity 1", "--order and --diversity are for one user"),
        ("--user 30 --order rating --niche 1", "--niche is for --order best"),
        ("--user 30 --niche 2", r"--niche 2\.0: from -1 to 1 is allowed"),
        ("--user 30 --with-user nobody", "no user has the id or name 'nobody'"),
        ("--user 30 --with-ratings no.csv", r"no\.csv: no such file"),
        ("--user 30 --ignore Qqqq", "no title is called 'Qqqq'"),
    ],
)
def test_options_that_do_not_go_together_are_explained(run, files, words, message):
    with pytest.raises(UserError, match=message):
        run(*words.split())
    assert not (files / "x.parquet").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--user 30 --order newest", "invalid choice: 'newest'"),
        ("--user 30 --planned no", "invalid choice: 'no'"),
        ("--ratings mine.csv --scale 5", "'5' is not LOW,HIGH"),
        ("--ratings mine.csv --scale 5,1", "LOW must be below HIGH"),
        ("--user 30 --with-user 50 --with-ratings mine.csv", "not allowed with argument"),
        ("--with-user 30", "one of the arguments --user --ratings --all --like is required"),
    ],
)
def test_words_that_the_command_does_not_know_are_explained(run, capsys, words, message):
    with pytest.raises(SystemExit):
        run(*words.split())
    assert message in capsys.readouterr().err
