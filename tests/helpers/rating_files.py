"""An export of MyAnimeList, and two XML files that attack a parser."""

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
