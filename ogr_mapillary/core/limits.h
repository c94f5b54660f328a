/* SPDX-License-Identifier: MIT */
/* limits.h — every ceiling in one place, each with its reason. Everything from outside meets one of them.
 * Owner: constants. Threads: constants. */
#ifndef MLY_LIMITS_H
#define MLY_LIMITS_H

enum {
    /* Answers. The densest z14 tiles on record are 5 to 12 MB; nothing legitimate is near this. */
    MLY_LIMIT_BODY = 64 << 20,
    /* An error body is read for its words only; the longest recorded one has 257 bytes. */
    MLY_LIMIT_ERROR_BODY = 64 << 10,
    /* A decoded tile takes 16 bytes for a value and 36 for a feature: 1 to 2 times its bytes on recorded tiles.
     * Tiny features and values packed up to the body's ceiling would take more than this, and are refused. */
    MLY_LIMIT_TILE_MEMORY = 256 << 20,
    /* What the process remembers of decoded tiles (SPEC.md 1, CACHE): some 80,000 images. */
    MLY_LIMIT_DECODED_BYTES = 12 << 20,
    /* Memory of the process for answers, tiles and columns; as long as they take less, what they release waits for the
     * next ones. */
    MLY_LIMIT_PAGES_BYTES = 28 << 20,
    /* protobuf-c unpacks a layer's head or one odd feature here; a feature cannot need more than its tile. */
    MLY_LIMIT_SCRATCH_MEMORY = 256 << 20,
    /* Of answers of one read that are on their way or wait for their turn. Beyond it all but the oldest are paused, and
     * that one goes on only while the reader waits: dense tiles come a few at a time, and answers without end cannot
     * add up. What is paused waits in the system's own buffers. It keeps a line of 80 ms and 1 Gbit/s full. */
    MLY_LIMIT_ARRIVING_BYTES = 10 << 20,
    /* A read asks for no more while the answers that wait for their turn, and those that are expected, have so many
     * bytes: some more than may be there, since what is asked for takes a while to come. */
    MLY_LIMIT_HELD_BYTES = 12 << 20,
    /* Likewise of a folder. Files come fast: more of them would only drive one another out of the processor's cache. */
    MLY_LIMIT_HELD_FILES_BYTES = 2 << 20,
    /* A tile is opened ahead, while another one is read, up to this size. Decoded, with its bytes, it takes 2.5 times
     * as much: both have room in what is set aside for decoded tiles. */
    MLY_LIMIT_AHEAD_BYTES = MLY_LIMIT_DECODED_BYTES / 5,
    /* Sequences are held until the last tile of the area, at some 5 bytes a vertex and 200 a sequence: this is a
     * country, or a hundred million vertices. */
    MLY_LIMIT_STITCH_MEMORY = 1 << 30,
    /* Rows on their way to the Graph and back: 200 take half a megabyte, a long sequence as much. What one answer adds
     * is bounded by its bytes: eight for each two of them. */
    MLY_LIMIT_BATCH_MEMORY = 64 << 20,
    /* A list of detections has some 30 kB. What json-c makes of a text is estimated before it is parsed: real lists
     * take 16 times the text, empty objects 265 times. */
    MLY_LIMIT_JSON = 8 << 20,
    MLY_LIMIT_JSON_MEMORY = 160 << 20,
    /* Values read from JSON nest three deep; hostile text must not exhaust the stack. */
    MLY_LIMIT_JSON_DEPTH = 16,

    /* Requests. Tiles' paths are under 80 bytes; 50 ids and all fields of an image take 1,600; the cursors of pages
     * were seen with 200 characters. What is left is for the address of the service. */
    MLY_LIMIT_KEY = 96,
    MLY_LIMIT_ADDRESS = 512,
    MLY_LIMIT_URL = MLY_LIMIT_ADDRESS + 3072,
    MLY_LIMIT_BATCH = 50,      /* entities in one request: the service promises no more (API.md 2.2) */
    MLY_LIMIT_VALIDATOR = 128, /* a header line with an ETag or a date; ETags seen elsewhere have up to 70 characters */
    MLY_LIMIT_PAGE = 2000,     /* entities in one page: the service's own maximum (API.md 2.3) */
    MLY_LIMIT_NAME = 256,      /* a user name or a sequence key in a filter; real ones have 3 to 30 characters */
    /* Ids that one filter names or one list holds: 100 MB of them; beyond that it is no list but a table to join. */
    MLY_LIMIT_IDS = 12 << 20,
    /* A pattern of LIKE, and a text that it is held against: matching takes their product in steps. The longest texts
     * are addresses of images, with some 600 bytes; a longer one is left to OGR. */
    MLY_LIMIT_LIKE = 2048,
    /* What a filter keeps of its outcomes while it looks over a tile, a byte for each test and value: 100 tests over
     * the densest tile on record. Beyond it each row is looked at anew. */
    MLY_LIMIT_SIEVE_MEMORY = 64 << 20,
    MLY_LIMIT_RADIUS_M = 10000, /* SPEC.md 1: sorting by distance happens in memory */
    /* Texts, lists and shapes of one batch of columns, which ends with the row that gets it there: long sequences, by
     * the 65,536 that GDAL's readers ask for, would take gigabytes. */
    MLY_LIMIT_ARROW_BYTES = 16 << 20,
    /* Rows of one batch, four times what GDAL's readers ask for. Where nothing in it counts above, as with numbers and
     * NULLs alone, a row takes up to 8 bytes in each of forty columns: 80 MB. */
    MLY_LIMIT_ARROW_ROWS = 1 << 18,
    /* Rows that wait to be sorted by distance, some 350 bytes each with the columns of tiles: 1.5 million images,
     * the densest twenty tiles on record. */
    MLY_LIMIT_NEAR_MEMORY = 512 << 20,
    /* Marks of the tiles that a line touches: 36 bytes for 256 of them. The table holds three quarters of the world. */
    MLY_LIMIT_PRUNE_MEMORY = 64 << 20,
    /* What a read went on without is told one by one up to here: GDAL prints no more than 1000 messages of a process,
     * and the summaries of all its layers must be among them. */
    MLY_LIMIT_TOLD_LOSSES = 100,
    MLY_LIMIT_TOKEN = 1024,     /* tokens seen have 60 to 80 characters */
    MLY_LIMIT_HEADERS = 64,     /* header lines of one answer that are looked at; proxies add a dozen */
    MLY_LIMIT_CONNECTIONS = 64, /* beyond this the service sees a flood, not a user */

    /* Waiting. A longer Retry-After means that the day's quota is spent: better an error now. */
    MLY_LIMIT_RETRY_AFTER_MS = 120 * 1000,
    MLY_LIMIT_RETRY_DELAY_MS = 60 * 1000, /* growing delays stop growing here */
    MLY_LIMIT_RETRIES = 100,

    /* Pace. A burst is no more than the service allows an application in a day (API.md 2.9); a thousand requests a
     * second are more than any address was ever granted. The bucket's arithmetic fits 64 bits by them. */
    MLY_LIMIT_BURST = 50000,
    MLY_LIMIT_RATE_MHZ = 1000 * 1000,
    MLY_LIMIT_USAGE = 95,     /* per cent of the application's quota: clients that last stop here (API.md 2.9) */
    MLY_LIMIT_NO_TILES = 5,   /* answers in a row that are no tiles: the caller is blocked (SPEC.md 4) */
    MLY_LIMIT_SILENCE = 5,    /* requests in a row without an answer, each tried four times: nobody is there */
    MLY_LIMIT_GAP_MS = 10000, /* between requests when the quota is as good as used up */

    /* Cover. An outline that needs more tests than this is finer than any tile budget could serve. */
    MLY_LIMIT_COVER_TESTS = 4 << 20,
    MLY_LIMIT_ZOOM = 14 /* API.md 1.1: nothing exists below */
};

#endif
