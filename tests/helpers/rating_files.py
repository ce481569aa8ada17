"""Exports of MyAnimeList, and two XML files that attack a parser."""

XML = """<?xml version="1.0" encoding="UTF-8" ?>
<myanimelist>
<myinfo><user_id>1</user_id><user_export_type>1</user_export_type></myinfo>
<anime><series_animedb_id>5</series_animedb_id>
<series_title><![CDATA[Cowboy Bebop & more]]></series_title><my_score>9</my_score></anime>
<anime><series_animedb_id>7</series_animedb_id><my_score>0</my_score></anime>
<anime><series_animedb_id>20</series_animedb_id><my_score>6</my_score></anime>
</myanimelist>
"""
BOMB = """<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">]>
<myanimelist><anime><series_animedb_id>&lol2;</series_animedb_id></anime></myanimelist>
"""
OUTSIDE = """<?xml version="1.0"?>
<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>
<myanimelist><anime><series_animedb_id>&x;</series_animedb_id></anime></myanimelist>
"""


def export(entries):
    """An export of MyAnimeList with id, rating (0 for none) and status of each title."""
    titles = (
        f"<anime><series_animedb_id>{title}</series_animedb_id>"
        f"<series_title><![CDATA[Title number {title}]]></series_title>"
        f"<my_score>{rating}</my_score><my_status>{status}</my_status></anime>\n"
        for title, rating, status in entries
    )
    head = '<?xml version="1.0" encoding="UTF-8" ?>\n<myanimelist>\n<myinfo></myinfo>\n'
    return f"{head}{''.join(titles)}</myanimelist>\n"


def long_export(titles, step=10):
    """An export of many titles, ids a step apart; a third of them rated, all statuses in turn."""
    words = ("Watching", "Completed", "On-Hold", "Dropped", "Plan to Watch")
    return export(
        (step * number, number % 10 + 1 if number % 3 == 0 else 0, words[number % len(words)])
        for number in range(1, titles + 1)
    )
