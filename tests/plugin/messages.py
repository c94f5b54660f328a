# SPDX-License-Identifier: MIT
"""Every message that a user can meet, as the sources write it, and what it tells the user to do.

A message is made where its fact is known, and gets context in front on its way up: the layer, the tile, the request.
Adjoining literals are joined, macros that stand for text are put in, and those of
inttypes.h are written as llu.
"""
from __future__ import annotations

from typing import Dict, List, Set

# Failures that say themselves what to do: the words that do.
FAILURES: Dict[str, str] = {
    # the dataset's name and options
    "%s: there is no option %s; ogrinfo --format MAPILLARY lists them": "lists them",
    "%s: something there is not of the form KEY=VALUE": "of the form KEY=VALUE",
    "%s is not allowed in the dataset name, which others may have made and programs show. Use an open option (-oo "
    "%s=…), the configuration option or the environment variable %s": "Use an open option",
    "the dataset name: %s stands there twice; give it once": "give it once",
    "the dataset name: after %s come KEY=VALUE pairs with commas between; a value with a comma stands in double quotes":
        "stands in double quotes",
    "the dataset name ends with a comma; take it off": "take it off",
    "AOI in the dataset name, which others may have made, must be text or a file of this machine; give anything else as "
    "an open option (-oo AOI=…)": "give anything else as an open option",
    "%s must be a whole number from %.15g to %.15g": "must be a whole number",
    "%s must be a number from %.15g to %.15g": "must be a number",
    "%s must be YES or NO": "must be YES or NO",
    "%s must be one of %s": "must be one of",
    "%s means nothing without %s; give both or none": "give both or none",
    "%s must be LON,LAT in degrees, e.g. 13.4033,52.5229; latitudes end at 85.0511": "must be LON,LAT",
    "NEAR and LOOKING_AT cannot both be given; choose one": "choose one",
    "MIN_RADIUS is larger than RADIUS, so nothing could be there; set RADIUS higher": "set RADIUS higher",
    "FIELDS: there is no field %s. ALL stands for all there are; they are listed in the documentation": "ALL stands",
    "OFFLINE=YES reads from the cache: it needs CACHE=YES and a CACHE_DIR": "it needs CACHE=YES and a CACHE_DIR",

    # the area of interest
    "AOI: its coordinates cannot be turned into longitude and latitude; give it in EPSG:4326": "give it in EPSG:4326",
    "AOI: more than %d vertices; simplify the outline": "simplify the outline",
    "AOI: one of its coordinates is no number; correct the outline": "correct the outline",
    "AOI: this well-known text cannot be read; write e.g. POLYGON ((8 50, 9 50, 9 51, 8 50))": "write e.g.",
    "AOI: after SRID= comes the number of a reference system that EPSG knows; write e.g. SRID=4326;POLYGON ((8 50, 9 50, "
    "9 51, 8 50))": "write e.g.",
    "AOI: %s cannot be read; give a path to anything OGR reads, well-known text or GeoJSON": "give a path",
    "AOI: this GeoJSON names its reference system by an address, which is not asked; give the system's name, or degrees":
        "give the system's name",
    "AOI: %s was read only in part, for the reason before this; mend it, since the area would be too small": "mend it",
    "AOI: its polygons cross themselves or each other, or a ring is not closed, in a way that cannot be mended; correct them": "correct them",
    "AOI: a MAPILLARY: dataset cannot be its own area; name a file": "name a file",
    "AOI: an outline goes around a pole, which degrees have no room for; give it in EPSG:4326, with an edge along the "
    "pole": "give it in EPSG:4326",
    "AOI: it goes beyond 540 degrees of longitude; if these are no degrees, put their reference system in front, e.g. "
    "SRID=3857;POLYGON ((0 0, 9000 0, 0 9000, 0 0))": "put their reference system in front",
    "AOI: it cannot be divided at 180 degrees; give it as two polygons, one on each side": "give it as two polygons",
    "AOI: there is no polygon in it; lines and points make no area": "lines and points make no area",
    "the outline of the area is too detailed for so large an area; simplify it": "simplify it",

    # addresses and the token
    "%s: a file address is file:// and an absolute path, e.g. file:///data/tiles": "e.g. file:///data/tiles",
    "%s: a per cent sign that begins no escape (write it as %%25)": "write it as",
    "%s: not a plain address; the form is https://host[:port][/path]": "the form is",
    "%s: the port is no number from 1 to 65535; the form is https://host[:port][/path]": "the form is",
    "%s: plain http is for this machine only (the token would be readable on the way); use https://": "use https://",
    "%s: longer than %zu characters; use a shorter address": "use a shorter address",
    "%s: must begin with https://, file:// or, on this machine only, http://": "must begin with",
    "the address of the service is too long; set a shorter one": "set a shorter one",
    "ACCESS_TOKEN_FILE: %s cannot be read%s; name a local file that only you can read, with the token in its first "
    "line": "name a local file",
    "%s holds no access token: one is a line of at most %d printable characters without spaces": "one is a line of",
    "no access token for this service. Get one at https://www.mapillary.com/dashboard/developers and set it with the "
    "configuration option or environment variable MAPILLARY_ACCESS_TOKEN, or with the open option ACCESS_TOKEN or "
    "ACCESS_TOKEN_FILE": "Get one at",
    "no access token for this service: the one in the environment or the configuration does not go to an address that "
    "is an open option. Give both in one way: the token as the open option ACCESS_TOKEN, or the address as "
    "MAPILLARY_TILES_URL or MAPILLARY_GRAPH_URL": "Give both in one way",
    "no access token for this service: the open option ACCESS_TOKEN_FILE does not count for an https:// address that is "
    "an open option too, since whoever wrote both could collect the first line of any file. Give the token itself as "
    "ACCESS_TOKEN, or the address as MAPILLARY_TILES_URL or MAPILLARY_GRAPH_URL": "Give the token itself",
    "HTTP %d: the service refuses the access token%s%s. Get one at https://www.mapillary.com/dashboard/developers and "
    "set it with the configuration option or environment variable MAPILLARY_ACCESS_TOKEN, or with the open option "
    "ACCESS_TOKEN or ACCESS_TOKEN_FILE": "Get one at",

    # filters
    "%s: the spatial filter has a coordinate that is no number; give degrees": "give degrees",
    "%s: the service lists them for an image or a map feature only. Add an attribute filter such as \"image_id = "
    "123\", "
    "\"image_id IN (123, 456)\" or \"map_feature_id = 123\"": "Add an attribute filter",
    "%s: nothing bounds this read, and the service has billions of rows. Add a spatial filter, e.g. -spat WEST SOUTH "
    "EAST NORTH in degrees with ogr2ogr (-clipsrc is none), or SetSpatialFilter() in code; or the open option AOI%s":
        "Add a spatial filter",
    "%s: the attribute filter names more than %d values; name fewer at a time": "name fewer at a time",
    "%s has 1 to %d bytes, not %zu; correct the attribute filter": "correct the attribute filter",
    "the attribute filter compares a date with '%s', which is none; write e.g. '2023/07/01' or '2023/07/01 12:00:00'":
        "write e.g.",
    "%s: rows without an id cannot be fetched one by one, nor put in order by SQL. Add \"id IS NOT NULL\" to the "
    "filter":
        "to the filter",

    # how much may be asked for, or held
    "%s: this read needs %llu tiles and MAX_TILES allows %llu. Make the spatial filter smaller, or set the open option "
    "MAX_TILES (or MAPILLARY_MAX_TILES) higher; the service allows about 50,000 tiles a day": "set the open option",
    "%s: after pruning, this read needs %llu tiles and MAX_TILES allows %llu. Make the spatial filter smaller, or set "
    "the open option MAX_TILES (or MAPILLARY_MAX_TILES) higher; the service allows about 50,000 tiles a day":
        "set the open option",
    "%s: following the sequences out of the area needs at least %llu tiles and MAX_TILES allows %llu. Set the open "
    "option STITCH=AREA to join only what the area holds, or MAX_TILES (or MAPILLARY_MAX_TILES) higher":
        "Set the open option",
    "%s: these sequences lie in %llu tiles and MAX_TILES allows %llu. Name fewer of them, or set the open option "
    "MAX_TILES (or MAPILLARY_MAX_TILES) higher": "Name fewer of them",
    "%s: this read needs %llu requests and MAX_REQUESTS allows %llu. Name fewer ids, or set the open option "
    "MAX_REQUESTS (or MAPILLARY_MAX_REQUESTS) higher": "Name fewer ids",
    "%s: this read needs more Graph requests than the %llu that MAX_REQUESTS allows. Make the filters stricter, ask "
    "for "
    "fewer rows, or set the open option MAX_REQUESTS (or MAPILLARY_MAX_REQUESTS) higher": "Make the filters stricter",
    "%s: more than %llu rows wait to be sorted by distance, which takes more than %d MB. Set the open option RADIUS "
    "smaller, or add a stricter attribute filter": "Set the open option RADIUS smaller",
    "%s: PRUNE=YES: the lines touch more tiles than %d MB can mark. Make the spatial filter smaller, or set the open "
    "option PRUNE to NO": "Make the spatial filter smaller",
    "the sequences of this area need more than %d MB; make the spatial filter smaller, or set the open option "
    "STITCH=NO":
        "make the spatial filter smaller",
    "a row is too large for a batch of columns; read row by row (OGR2OGR_USE_ARROW_API=NO)": "read row by row",
    "%s: the read has failed; after a reset it begins anew": "after a reset",
    "%s needs more memory than its ceiling of %zu bytes; read a smaller area, and report it if that does not help":
        "read a smaller area",

    # what the service answers
    "HTTP %d: the service says: %s; %s": "%s",
    "HTTP %d; %s": "%s",
    "HTTP %d: the service sends this machine to its login page, which means that it blocks the address for too many "
    "requests. Asking on makes the block longer. Wait (a day was seen), then read smaller areas": "Wait",
    "the service sends pages or messages instead of tiles (%u answers in a row), which means that it blocks the "
    "address "
    "for too many requests. Asking on makes the block longer. Wait (a day was seen), then read smaller areas": "Wait",
    "the service gives this list in pages, of which only the first was read; please report it": "please report it",
    "the service gives only a page of the sequence, where all of it is expected; please report it": "please report it",
    "the service names a page as the next one that was read already; repeat the read": "repeat the read",
    "the service gives %zu images, as many as it can in one answer, and names no next page: the list may go on; add an "
    "area": "add an area",
    "Graph request %s: the service does not know the page that it named itself; repeat the read": "repeat the read",
    "the service's next page leads elsewhere than to its own images, and was not followed; please report it":
        "please report it",
    "the address of the service's next page is too long; please report it": "please report it",
    "the answer is larger than the ceiling of %d bytes for JSON; please report it": "please report it",
    "the answer is larger than its ceiling of %zu bytes; please report it": "please report it",
    "the answer is larger than its ceiling when decompressed; please report it": "please report it",
    "the entities asked for do not fit the answer's ceiling of memory; please report it": "please report it",

    # a program that forks
    "the program has forked since this read began, and its answers stay with the parent; begin the read anew":
        "begin the read anew",
    "the program has forked since this read began, and a tile that was being opened stays with the parent; begin the "
    "read anew": "begin the read anew",

    # the cache, and a folder in place of the service
    "not in the cache (OFFLINE=YES); read it once without OFFLINE": "read it once without OFFLINE",
    "what the cache holds does not decode, and nothing else may be asked (OFFLINE=YES); read it once without OFFLINE":
        "read it once without OFFLINE",
    "OFFLINE=YES: there is no cache to read: %s. Name its folder with CACHE_DIR, or read without OFFLINE":
        "Name its folder with CACHE_DIR",
    "GRAPH_URL: this comes from the Graph API, which no folder can stand in for; give an https:// address or none":
        "give an https:// address",
    "%s: %s; a folder of tiles has the layout maps/vtp/TILESET/2/Z/X/Y": "has the layout",
    "%s is no folder; a folder of tiles has the layout maps/vtp/TILESET/2/Z/X/Y": "has the layout",
    "%.*s cannot be read: %s; check the folder that TILES_URL names": "check the folder",
    "%s: feature %llu was not found, but it may be in what was skipped; repeat the read": "repeat the read",
}

# Failures that get what to do when they become GDAL's errors, by their code (ogr/report.cpp).
ADVICE: Dict[str, str] = {
    "MLY_E_NOMEM": "Read a smaller area, or one layer at a time",
    "MLY_E_CORRUPT": "Repeat the read; if that does not help, please report this message",
    "MLY_E_NETWORK": "Check the network and the proxy (GDAL_HTTP_PROXY), then repeat the read",
}

BY_CODE: Dict[str, List[str]] = {
    # and all that begin with "out of memory"
    "MLY_E_NOMEM": [
        "%s: out of memory", "%s: out of memory for the list of tiles",
        "%s: out of memory for the values in the filter",
        "%s: out of memory for the rows that wait to be sorted by distance",
        "%s: out of memory for the tiles that lines touch",
        "%s: out of memory for a batch of columns",
        "a request cannot be made: %s", "a request cannot be started: %s", "libcurl: %s",
        "the system has no thread left for the read", "no room for the list of pages",
        "no room for the list of creators",
        "no room for the text of a list",
    ],
    # and what libcurl says
    "MLY_E_NETWORK": [
        "libcurl cannot be initialised", "no whole answer in %u ms, but %zu bytes",
        "%s: ON_ERROR=SKIP: the last %llu requests got no answer, so the read ends here: %s",
    ],
    # of tiles, by the clause of their specification; of the Graph's answers
    "MLY_E_CORRUPT": [
        "these %zu bytes are no vector tile%s", "%s breaks the protocol buffers format",
        "a layer breaks the protocol buffers format", "a layer's field %u has the wrong wire type (MVT A)",
        "the tile's layers have the wrong wire type (MVT A)", "two layers have the name '%s' (MVT 4.1)",
        "version %u is not 1 or 2 (MVT 4.1)", "the extent is %u (MVT 4.1)", "a value of %d types at once (MVT 4.1)",
        "a key without a value (MVT 4.4)", "key %u of %zu (MVT 4.4)", "value %u of %u (MVT 4.4)",
        "the key of '%s' twice (MVT 4.4)", "a geometry of type %llu where type %u is expected (MVT 4.3.4)",
        "no geometry (MVT 4.2)", "a point's geometry is not one MoveTo with one position (MVT 4.3.4.2)",
        "a point's geometry ends too early (MVT 4.3.2)", "a point's geometry goes on after its position (MVT 4.3.4.2)",
        "a part does not begin with one MoveTo (MVT 4.3.4.3, 4.3.4.4)",
        "a part does not go on with LineTo (MVT 4.3.4.3, 4.3.4.4)", "a ring does not end with ClosePath (MVT 4.3.4.4)",
        "a geometry leaves the tile by more than its size", "the feature cannot be read",
        "extent %u: sequences join on a grid of %d", "the gzipped answer is broken",
        "these %zu bytes are no %s%s", "these %zu bytes are no list of entities", "number %zu of the list has no id",
        "an image without its creator", "it is no base64", "it has no polygon",
    ],
}

# What goes on all the same: the words that say what is lost, or done instead.
WARNINGS: Dict[str, str] = {
    "%s: the service knows no creator '%.*s'; check the spelling, with its upper and lower case": "check the spelling",
    "images: the service lists none of a creator '%.*s'; check the spelling, with its upper and lower case": "check the "
                                                                                                            "spelling",
    "tile %s/%u/%u/%u: HTTP 404, taken as empty; it may have data later, so repeat the read to be sure":
        "repeat the read",
    "AOI: one of its polygons crosses itself; it was mended": "it was mended",
    "AOI: an edge spans more than 180 degrees of longitude, and is taken the long way round; for an area across 180 degrees "
    "let longitudes go on beyond it, e.g. from 179 to 181": "the long way round",
    "no cache, so every request is sent anew: ": "every request is sent anew",
    "the cache in %.*s cannot be %s: %s; the read goes on without it": "the read goes on without it",
    "the pace is kept for this process alone: %.*s": "for this process alone",
    "pace: the burst of %u tile requests is spent; from now on %u.%03u a second (BURST, RATE)": "from now on",
    "pace: %u %% of the application's quota is used (X-App-Usage); %s keep %u s from each other": "keep",
    "detections: the outline of %lld cannot be read (%s); its geometry is NULL": "its geometry is NULL",
    "%s: PRUNE=YES: sequences that the generalised lines of zoom %u leave out may be missed": "may be missed",
    "%s: PRUNE=YES: images whose sequence has a single position, or is not drawn at zoom %u, may be missed":
        "may be missed",
    "%s: skipped (ON_ERROR=SKIP): %s; %s": "skipped",
    "%s: ON_ERROR=SKIP: what else is skipped is only counted; CPL_DEBUG=MAPILLARY names each": "only counted",
    "%s: ON_ERROR=SKIP: the result is not complete: skipped were %llu %s and %llu %s to the Graph": "is not complete",
}

# Why there is no cache, or no common pace: stands in those warnings.
REASONS: Set[str] = {
    "the name of the folder has %zu characters; 1 to %d are possible", "%s: %s", "%s/%s: %s",
    "%s belongs to another user",
    "%s can be written by others; forbid that (chmod go-w) or use another folder", "%s cannot be made: %s",
    "another process holds its file", "there is no folder for its file",
}

# Context that is put in front, and pieces that stand in other messages.
PIECES: Set[str] = {
    "%s", "%s %s%s", "%s: %.*s", "%u attempts", "Graph request", "Graph request %s", " (asked for twice)",
    "tile %s/%u/%u/%u",
    "feature %u", "layer '%s'", "; or name ids in the attribute filter", ", being no local file",
    "the dataset name", "open options", "of such a name", "this GeoJSON", "NEAR or LOOKING_AT",
    "an outline", "a batch of rows", "a row", "a value", "a text of the answer", "a list of the answer", "the tile",
    "the feature", "the layer's head", "the layer's keys", "the filter", "the filter over a tile",
    "the attribute filter",
    "a sequence key", "a user name", "as the question has it", "JSON object", "list of entities",
    ", or one with more brackets than any answer has", "a list's bytes fit a value's count",
    "one or the other in the same place", " but a page or a message: the service may be blocking this machine",
    "wait an hour, then read less at a time", "repeat the read later",
    "asking again does not help, unless the day's quota of tiles is spent: repeat the read tomorrow, and please report it "
    "if that is refused too",
    "asking again does not help: leave out what the service does not take, of FIELDS or of the filter, or please report it",
    "; set the certificates (CURL_CA_BUNDLE), the proxy (GDAL_HTTP_PROXY) or the address right",
    ". Name another folder with CACHE_DIR, or set CACHE=NO",
    "with more than 64 MiB it is no tile", "it is no file", "read", "written",
    # what is lost with a request that ON_ERROR=SKIP leaves out
    "its detections are missing", "images of this creator are missing", "its rows are missing", "its row is",
    "their rows are", "%s: %s missing", "this sequence", "id %llu", "%llu ids, the first of them %llu",
    "%s: fields from the Graph stay NULL%s, and filters judge them so", ", positions on the grid of the tiles",
    "the images that it and the pages after it would name are missing", "the images that it would name are missing",
    "PRUNE=YES: all tiles under it are read", "its pieces of sequences are missing",
    "sequences that run into it are cut at its border",
    "sequences that run through it may be cut at its border, or missing", "the sequences may be cut, or missing",
}

# Only a mistake in the driver itself can bring them up.
MISTAKES: Set[str] = {
    "an answer nobody asked for", "waiting for an answer nobody owes", "zoom %u: tiles end at zoom %d",
    "zoom %u holds no parents of tiles of zoom %u", "zoom %u is no lower zoom than %u",
    "%llu tiles are needed, %llu are allowed", "a request is about 1 to %d entities, not %u",
    "no request for entities", "%u requests in flight: 1 to %d are possible",
    "answers of this address cannot be kept: it is empty, too long or not printable",
}

# Not messages: lines for CPL_DEBUG, parts of requests, words for GDAL.
OTHERS: Set[str] = {
    "another spelling of a creator whose images have come",
    "the answer says nothing of it; it is unknown", "the answer passes over an id; asking once more for that one",
    "asking once more in two parts", "the service does not know it", "the answer does not decode; asking once more",
    "HTTP 404, taken as empty", "has points beyond its border, left to its neighbours",
    "a list of %llu z%u tile%s", "%llu z%u tile%s, then at most ", "%llu z%u tile%s of %s", ", %llu cached",
    "Graph entities by id: ", "Graph entities, the images of sequences: ", "Graph entities, the images of creators: ",
    "Graph entities, the images of organizations: ", "no row can pass the filter, so nothing is asked",
    "tiles of %s where the images of %zu sequence%s are", "Graph lists of %zu %s%s", "map feature",
    "%s; left to OGR: ", "creators of %zu name%s", "%s: PRUNE=YES: %llu of %llu z%u tiles are left",
    "and %zu lines more", "%s %s: %s", "%s: %s: %llu", "%llu %llu ", "sequences held", "vertices held", "bytes held",
    "following them, tiles", "a field by itself", "a constant",
    "a function", "the file", "points are written as they lie",
    "tile requests", "Graph requests", "Accept-Encoding: gzip", "Authorization: OAuth %s",
    "out of memory", "bad argument", "limit reached", "corrupt data", "network failure", "not authorised",
    "service failure", "input or output failure", "MAPILLARY: %s", "MAPILLARY: %s%s",
    "© Mapillary, https://www.mapillary.com", "CC BY-SA 4.0, https://creativecommons.org/licenses/by-sa/4.0/",
    "ogr_MAPILLARY/ GDAL/", "<Option name=\"%s\" type=\"%s\" description=\"%s\"",
    " min=\"%.15g\" max=\"%.15g\"",
}

# Failures that take a broken service, gigabytes or luck to bring about: the test that does, or comes near it.
SELDOM: Dict[str, str] = {
    "the program has forked since this read began, and its answers": "plugin/test_fork.py",
    "the program has forked since this read began, and a tile": "unit/test_fetch_ahead.c",
    "no access token for this service: the one in": "plugin/test_token.py",
    "no access token for this service: the open option": "plugin/test_token.py",
    "AOI in the dataset name": "plugin/test_aoi.py",
    "AOI: its coordinates cannot be turned": "plugin/test_aoi.py",
    "AOI: more than %d vertices": "plugin/test_aoi.py",
    "AOI: it cannot be divided at 180 degrees": "plugin/test_aoi.py",
    "AOI: an outline goes around a pole": "plugin/test_aoi.py",
    "AOI: %s was read only in part": "plugin/test_aoi.py",
    "AOI: this GeoJSON names its reference system": "plugin/test_aoi.py",
    "AOI: its polygons cross themselves or each other, or a ring": "plugin/test_aoi.py",
    "the outline of the area is too detailed": "unit/test_plan.c",
    "the address of the service is too long": "unit/test_request.c",
    "%s: the spatial filter has a coordinate that is no number": "unit/test_plan.c",
    "%s: the attribute filter names more than %d values": "unit/test_plan.c",
    "%s: rows without an id cannot be fetched": "plugin/test_values.py",
    "%s: after pruning, this read needs": "plugin/test_prune.py",
    "%s: more than %llu rows wait to be sorted": "unit/test_near_machine.c",
    "%s: PRUNE=YES: the lines touch more tiles": "unit/test_prune.c",
    "the sequences of this area need more than": "unit/test_stitch.c",
    "%s needs more memory than its ceiling": "unit/test_arena.c",
    "a row is too large for a batch of columns": "plugin/test_arrow.py",
    "%s: the read has failed; after a reset": "plugin/test_arrow.py",
    "the service sends pages or messages": "plugin/test_pace.py",
    "the service gives this list in pages": "unit/test_detections.c",
    "the service gives only a page of the sequence": "plugin/test_ids.py",
    "the service names a page as the next one": "unit/test_ids.c",
    "the service gives %zu images, as many as it can": "unit/test_ids.c",
    "Graph request %s: the service does not know the page": "unit/test_ids.c",
    "the service's next page leads elsewhere": "unit/test_request.c",
    "the address of the service's next page": "unit/test_request.c",
    "the answer is larger than the ceiling of %d bytes": "unit/test_graph.c",
    "the answer is larger than its ceiling when": "unit/test_inflate.c",
    "the entities asked for do not fit": "unit/test_transport_entities.c",
    "what the cache holds does not decode": "unit/test_transport_cache.c",
    "%s: feature %llu was not found": "plugin/test_on_error.py",
}
