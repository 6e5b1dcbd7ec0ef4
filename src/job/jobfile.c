/* SPDX-License-Identifier: BSD-3-Clause */
/* libinih splits lines into sections, names and values; the reader below feeds it and keeps count
 * of lines, because libinih tells its handler neither the line nor that a section begins, and cuts
 * long lines silently. */
#include "job/jobfile.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTION_MAX 49 /* libinih cuts longer section names */
#define RANKS_MAX   1000000

enum target { IN_JOB, IN_SITE };

struct parser {
    const char *path;
    FILE *file;
    unsigned line;         /* of the file */
    unsigned section_line; /* where the present section began */
    char *text;            /* the line as read */
    size_t text_capacity;
    char *rest;           /* what of it libinih has not been given yet, or NULL */
    bool is_continuation; /* the line carries on the value before it */
    struct wsp_jobfile *job;
    unsigned job_line;  /* where [job] began; 0: not yet */
    unsigned keys_seen; /* a bit for each key set in the present section */
    bool has_failed;
    char *why;
    size_t why_size;
};

/* A key: where it belongs, its name, and where its text goes (texts only). */
struct key {
    enum target target;
    const char *name;
    size_t offset;
    bool is_text;
};

#define JOB_TEXT(member)                                                                           \
    {                                                                                              \
        IN_JOB, #member, offsetof(struct wsp_jobfile, member), true                                \
    }
#define SITE_TEXT(member)                                                                          \
    {                                                                                              \
        IN_SITE, #member, offsetof(struct wsp_jobfile_site, member), true                          \
    }
static const struct key keys[] = {
    JOB_TEXT(name),
    JOB_TEXT(key_file),
    JOB_TEXT(coordinator),
    SITE_TEXT(launch),
    SITE_TEXT(address),
    SITE_TEXT(ports),
    SITE_TEXT(key_file),
    SITE_TEXT(mpi),
    SITE_TEXT(widespan),
    {IN_SITE, "ranks", offsetof(struct wsp_jobfile_site, n_ranks), false},
    {IN_SITE, "quote", offsetof(struct wsp_jobfile_site, quote), false},
};
#define N_KEYS (sizeof keys / sizeof *keys)

__attribute__((format(printf, 3, 4))) static bool fail(struct parser *parser, unsigned line,
                                                       const char *format, ...)
{
    if (parser->has_failed)
        return false;
    parser->has_failed = true;
    int head = snprintf(parser->why, parser->why_size, "%s:%u: ", parser->path, line);
    if (head < 0 || (size_t)head >= parser->why_size)
        return false;
    va_list args;
    va_start(args, format);
    vsnprintf(parser->why + head, parser->why_size - (size_t)head, format, args);
    va_end(args);
    return false;
}

bool wsp_site_name_is_valid(const char *text)
{
    size_t length = strlen(text);
    if (length == 0 || length > WSP_SITE_NAME_MAX || *text == '-')
        return false;
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr("._-", text[i]))
            return false;
    return true;
}

static const struct key *find_key(enum target target, const char *name, size_t length)
{
    for (size_t i = 0; i < N_KEYS; i++)
        if (keys[i].target == target && strlen(keys[i].name) == length &&
            memcmp(keys[i].name, name, length) == 0)
            return &keys[i];
    return NULL;
}

/* Does the line read `key = ...` with a key of ours? Then its indentation means nothing. */
static bool starts_with_key(const char *text)
{
    size_t length = strcspn(text, "=:");
    if (text[length] == '\0')
        return false;
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    return find_key(IN_JOB, text, length) || find_key(IN_SITE, text, length);
}

/* Refuses what libinih would cut, skip or misread; returns where its line begins. */
static char *check_line(struct parser *parser, char *text)
{
    char *start = text + strspn(text, " \t");
    parser->is_continuation = false;
    if (*start == '\0' || *start == ';' || *start == '#')
        return start;
    if (*start == '[') {
        char *close = strchr(start, ']');
        if (parser->section_line && !parser->keys_seen)
            fail(parser, parser->section_line, "the section has no keys");
        parser->section_line = parser->line;
        parser->keys_seen = 0;
        if (!close)
            fail(parser, parser->line, "'[' without ']'");
        else if (close - start > SECTION_MAX)
            fail(parser, parser->line, "the section's name is too long");
        else if (close[1 + strspn(close + 1, " \t")] != '\0')
            fail(parser, parser->line, "there is something behind ']'");
        return start;
    }
    if (strstr(start, " ;") || strstr(start, "\t;"))
        fail(parser, parser->line,
             "a ';' after a space would begin a comment: give it a line of its own, or write the "
             "command without that space");
    if (start > text && !starts_with_key(start)) {
        parser->is_continuation = true;
        return text;
    }
    if (!strpbrk(start, "=:"))
        fail(parser, parser->line, "expected 'key = value' or '[section]'");
    return start;
}

/* Gives libinih the next piece of the present line: all of it, or up to a space. The blank that a
 * further piece begins with makes it the continuation of the value. */
static char *hand_out(struct parser *parser, char *to, int size)
{
    size_t room = (size_t)size - 3;
    char *from = parser->rest;
    size_t length = strlen(from);
    parser->rest = NULL;
    if (length > room) {
        size_t cut = room;
        while (cut > 1 && !isspace((unsigned char)from[cut]))
            cut--;
        if (cut <= 1) {
            fail(parser, parser->line, "a single word of more than %zu characters", room);
            return NULL;
        }
        length = cut;
        parser->rest = from + cut;
    }
    memcpy(to, from, length);
    memcpy(to + length, "\n", 2);
    return to;
}

static char *next_line(char *to, int size, void *stream)
{
    struct parser *parser = stream;
    if (parser->has_failed)
        return NULL;
    if (parser->rest) {
        parser->is_continuation = true;
        return hand_out(parser, to, size);
    }
    ssize_t length = getline(&parser->text, &parser->text_capacity, parser->file);
    if (length < 0)
        return NULL;
    parser->line++;
    if (strlen(parser->text) != (size_t)length) {
        fail(parser, parser->line, "not a text file");
        return NULL;
    }
    while (length > 0 && isspace((unsigned char)parser->text[length - 1]))
        parser->text[--length] = '\0';
    parser->rest = check_line(parser, parser->text);
    return parser->has_failed ? NULL : hand_out(parser, to, size);
}

static bool set_text(struct parser *parser, char **text, const char *value)
{
    char *joined;
    if (parser->is_continuation && *text) {
        if (asprintf(&joined, "%s %s", *text, value) < 0)
            return fail(parser, parser->line, "out of memory");
        free(*text);
    } else {
        joined = strdup(value);
        if (!joined)
            return fail(parser, parser->line, "out of memory");
    }
    *text = joined;
    return true;
}

static bool set_ranks(struct parser *parser, struct wsp_jobfile_site *site, const char *value)
{
    char *end;
    errno = 0;
    unsigned long ranks = strtoul(value, &end, 10);
    if (!isdigit((unsigned char)*value) || *end || errno || ranks < 1 || ranks > RANKS_MAX)
        return fail(parser, parser->line, "ranks = %s is not a number from 1 to %d", value,
                    RANKS_MAX);
    site->n_ranks = (uint32_t)ranks;
    return true;
}

static bool set_quote(struct parser *parser, struct wsp_jobfile_site *site, const char *value)
{
    if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
        return fail(parser, parser->line, "quote = %s: expected yes or no", value);
    site->quote = *value == 'y';
    return true;
}

/* Sets one key of the object that it belongs to. */
static bool set_key(struct parser *parser, enum target target, void *object, const char *section,
                    const char *name, const char *value)
{
    const struct key *key = find_key(target, name, strlen(name));
    if (!key)
        return fail(parser, parser->line, "no key '%s' in [%s]", name, section);
    unsigned bit = 1u << (key - keys);
    if (parser->keys_seen & bit && !(parser->is_continuation && key->is_text))
        return fail(parser, parser->line, "%s is given twice in [%s]", name, section);
    if (*value == '\0')
        return fail(parser, parser->line, "%s has no value", name);
    parser->keys_seen |= bit;
    if (key->is_text)
        return set_text(parser, (char **)((char *)object + key->offset), value);
    if (strcmp(name, "ranks") == 0)
        return set_ranks(parser, object, value);
    return set_quote(parser, object, value);
}

/* The site that the present section describes, made at its first key. */
static struct wsp_jobfile_site *enter_site(struct parser *parser, const char *name)
{
    struct wsp_jobfile *job = parser->job;
    for (unsigned i = 0; i < job->n_sites; i++) {
        struct wsp_jobfile_site *site = &job->sites[i];
        if (strcmp(site->name, name) != 0)
            continue;
        if (site->line == parser->section_line)
            return site;
        fail(parser, parser->section_line, "two sites are named %s; the first is in line %u", name,
             site->line);
        return NULL;
    }
    if (!wsp_site_name_is_valid(name)) {
        fail(parser, parser->section_line,
             "'%s' cannot name a site: use up to %d letters, digits, '.', '_', '-'", name,
             WSP_SITE_NAME_MAX);
        return NULL;
    }
    struct wsp_jobfile_site *more = reallocarray(job->sites, job->n_sites + 1, sizeof *job->sites);
    if (more)
        job->sites = more;
    char *copy = strdup(name);
    if (!more || !copy) {
        free(copy);
        fail(parser, parser->line, "out of memory");
        return NULL;
    }
    job->sites[job->n_sites] =
        (struct wsp_jobfile_site){.name = copy, .line = parser->section_line};
    return &job->sites[job->n_sites++];
}

static int on_key(void *user, const char *section, const char *name, const char *value)
{
    struct parser *parser = user;
    if (parser->has_failed)
        return 0;
    if (strcmp(section, "job") == 0) {
        if (parser->job_line && parser->job_line != parser->section_line)
            return fail(parser, parser->section_line, "a second [job]; the first is in line %u",
                        parser->job_line);
        parser->job_line = parser->section_line;
        return set_key(parser, IN_JOB, parser->job, section, name, value);
    }
    if (strncmp(section, "site", 4) == 0 && isspace((unsigned char)section[4])) {
        struct wsp_jobfile_site *site =
            enter_site(parser, section + 4 + strspn(section + 4, " \t"));
        return site && set_key(parser, IN_SITE, site, section, name, value);
    }
    if (*section == '\0')
        return fail(parser, parser->line, "'%s' stands before the first section", name);
    return fail(parser, parser->section_line, "no section [%s]: expected [job] or [site NAME]",
                section);
}

static bool check_site(struct parser *parser, const struct wsp_jobfile_site *site)
{
    if (site->n_ranks == 0)
        return fail(parser, site->line, "site %s: ranks is missing", site->name);
    if (!site->launch)
        return fail(parser, site->line, "site %s: launch is missing", site->name);
    if (!strstr(site->launch, "{ranks}"))
        return fail(parser, site->line,
                    "site %s: launch has no {ranks}, so it cannot start the %u ranks asked for",
                    site->name, site->n_ranks);
    if (site->key_file && !parser->job->key_file)
        return fail(parser, site->line,
                    "site %s has a key_file but [job] has none, so they would differ", site->name);
    return true;
}

static bool check_job(struct parser *parser)
{
    struct wsp_jobfile *job = parser->job;
    uint64_t n_ranks = 0;
    if (parser->section_line && !parser->keys_seen)
        return fail(parser, parser->section_line, "the section has no keys");
    if (job->name && !wsp_site_name_is_valid(job->name))
        return fail(parser, parser->job_line,
                    "'%s' cannot name a job: use up to %d letters, digits, '.', '_', '-'",
                    job->name, WSP_SITE_NAME_MAX);
    if (job->n_sites == 0)
        return fail(parser, parser->line, "there is no [site NAME]");
    for (unsigned i = 0; i < job->n_sites; i++) {
        if (!check_site(parser, &job->sites[i]))
            return false;
        n_ranks += job->sites[i].n_ranks;
    }
    if (n_ranks > RANKS_MAX)
        return fail(parser, parser->line, "more than %d ranks in all", RANKS_MAX);
    return true;
}

static bool parse(struct parser *parser)
{
    int result = ini_parse_stream(next_line, parser, on_key, parser);
    if (parser->has_failed)
        return false;
    if (ferror(parser->file))
        return fail(parser, parser->line, "cannot be read");
    if (result != 0)
        return fail(parser, result > 0 ? (unsigned)result : parser->line, "cannot be understood");
    return check_job(parser);
}

wsp_err wsp_jobfile_read(const char *path, struct wsp_jobfile **job, char *why, size_t why_size)
{
    struct parser parser = {.path = path, .why = why, .why_size = why_size};
    parser.file = fopen(path, "re");
    if (!parser.file) {
        snprintf(why, why_size, "the job file %s cannot be read: %s", path, strerror(errno));
        return WSP_ERR_CONFIG;
    }
    parser.job = calloc(1, sizeof *parser.job);
    bool is_good = parser.job ? parse(&parser) : fail(&parser, 0, "out of memory");
    fclose(parser.file);
    free(parser.text);
    if (!is_good) {
        wsp_jobfile_free(&parser.job);
        return WSP_ERR_CONFIG;
    }
    *job = parser.job;
    return WSP_OK;
}

void wsp_jobfile_free(struct wsp_jobfile **job)
{
    if (!*job)
        return;
    for (unsigned i = 0; i < (*job)->n_sites; i++) {
        struct wsp_jobfile_site *site = &(*job)->sites[i];
        free(site->name);
        for (size_t k = 0; k < N_KEYS; k++)
            if (keys[k].target == IN_SITE && keys[k].is_text)
                free(*(char **)((char *)site + keys[k].offset));
    }
    free((*job)->sites);
    for (size_t k = 0; k < N_KEYS; k++)
        if (keys[k].target == IN_JOB && keys[k].is_text)
            free(*(char **)((char *)*job + keys[k].offset));
    free(*job);
    *job = NULL;
}
