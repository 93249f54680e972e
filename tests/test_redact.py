"""Secrets are blanked out, everything else stays."""

from fulgurite.redact import HIDDEN, redact


def test_telling_names_hide_their_value() -> None:
    recipe = {
        "hub": {"token": "abc", "wandb_api_key": "def", "passwords": "x", "in_keys": "x"},
        "logger": [{"clientSecret": "s"}],
    }
    assert redact(recipe) == {
        "hub": {"token": HIDDEN, "wandb_api_key": HIDDEN, "passwords": HIDDEN, "in_keys": "x"},
        "logger": [{"clientSecret": HIDDEN}],
    }


def test_names_that_only_look_like_it_do_not() -> None:
    recipe = {"monkey": "Bubbles", "tokenizer": "bytes", "keyword": "x", "id": "Pendulum-v1", "seed": 3, "none": None}
    assert redact(recipe) == recipe


def test_a_reference_is_no_secret() -> None:
    assert redact({"token": "${hub.token}", "key": 3}) == {"token": "${hub.token}", "key": 3}


def test_a_list_under_a_telling_name_is_hidden_whole() -> None:
    assert redact({"token": ["a", "b"]}) == {"token": [HIDDEN, HIDDEN]}


def test_passwords_in_addresses() -> None:
    assert redact({"data": "https://me:pass@host/x"}) == {"data": f"https://{HIDDEN}@host/x"}


def test_what_stands_below_a_telling_name_is_hidden_and_so_are_numbers_that_nobody_counts() -> None:
    recipe = {
        "api_key": {"value": "s", "deep": {"x": ["t"]}},
        "password": 1234,
        "tokens": 512,
        "flags": {"secret": True},
    }
    assert redact(recipe) == {
        "api_key": {"value": HIDDEN, "deep": {"x": [HIDDEN]}},
        "password": HIDDEN,
        "tokens": 512,
        "flags": {"secret": True},
    }
