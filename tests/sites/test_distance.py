# SPDX-License-Identifier: BSD-3-Clause
"""What collectives send between sites, and how long they take when the sites are far apart."""

import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / 'support'))
import jobs

INTEGERS = 100
BLOCK = 4 * INTEGERS  # bytes of one rank
LENGTH = 8  # of one block, where a receiver cannot know it


def job_functions(stats):
    """The counters by function of the whole job: {'MPI_Bcast': {'calls': ..., ...}, ...}."""
    found = [line['functions'] for line in stats if 'job' in line]
    jobs.expect(len(found) == 1, f'{len(found)} lines of the job, not one')
    by_rank = [line['functions'] for line in stats if 'rank' in line]
    for name, counts in found[0].items():
        for counter, total in counts.items():
            parts = sum(rank.get(name, {}).get(counter, 0) for rank in by_rank)
            jobs.expect(parts == total, f'{name} {counter}: {total} is not the sum {parts}')
    return found[0]


def expected(sites):
    """{function: (messages, bytes)} of calls with each rank as the root once. As few as can be: one
    message for each site or pair of sites that has to hear, one more where lengths go ahead."""
    n, size = len(sites), sum(sites)
    others = n - 1
    pairs = n * others
    rooted = size * others  # messages of a rooted one
    blocks = sum(ranks * (size - ranks) for ranks in sites)  # that cross: to each root, or in one call
    later = size * n * others // 2
    steps = size * 2 * n  # around the ring, both ways, from site to site
    return {
        'Barrier': (size * pairs, 0),
        'Bcast': (rooted, rooted * BLOCK),
        'Gather': (rooted, blocks * BLOCK),
        'Gatherv': (rooted, blocks * BLOCK),
        'Scatter': (rooted, blocks * BLOCK),
        'Scatterv': (2 * rooted, blocks * (BLOCK + LENGTH)),
        'Allgather': (size * pairs, size * others * size * BLOCK),
        'Allgatherv': (size * pairs, size * others * size * BLOCK),
        'Alltoall': (size * pairs, size * blocks * BLOCK),
        'Alltoallv': (2 * size * pairs, size * blocks * (BLOCK + LENGTH)),
        'Alltoallw': (2 * size * pairs, size * blocks * (BLOCK + LENGTH)),
        'Reduce': (rooted, rooted * BLOCK),
        'Allreduce': (size * pairs, size * pairs * BLOCK),
        'Reduce_scatter': (size * pairs, size * others * size * BLOCK),
        'Reduce_scatter_block': (size * pairs, size * others * size * BLOCK),
        'Scan': (later, later * BLOCK),
        'Exscan': (later, later * BLOCK),
        **{f'Neighbor_{name}': (steps, steps * BLOCK)
           for name in ('allgather', 'allgatherv', 'alltoall', 'alltoallv', 'alltoallw')},
    }


def check_counts(functions, sites):
    size = sum(sites)
    for name, (messages, payload) in expected(sites).items():
        for function in ('MPI_' + name, 'MPI_I' + name.lower()):
            counts = functions.get(function)
            jobs.expect(counts is not None, f'{function} was not counted')
            say = f'{function} over {sites}: {counts}, expected {messages} messages, {payload} bytes'
            jobs.expect(counts['calls'] == size * size, say)
            jobs.expect(counts['sent_messages'] == messages, say)
            jobs.expect(counts['sent_bytes'] == payload, say)
            jobs.expect(counts['received_messages'] == counts['sent_messages'], say)
            jobs.expect(counts['received_bytes'] == counts['sent_bytes'], say)


# {function: (messages sent, messages received)} from the first rank to the last.
MESSAGES = {'MPI_Send': (1, 0), 'MPI_Ssend': (1, 0), 'MPI_Bsend': (1, 0), 'MPI_Isend': (1, 0),
            'MPI_Start': (1, 1), 'MPI_Recv': (0, 2), 'MPI_Mrecv': (0, 1), 'MPI_Irecv': (0, 1),
            'MPI_Wait': (0, 0), 'MPI_Waitall': (0, 0)}


def check_messages(functions):
    for function, (sent, received) in MESSAGES.items():
        counts = functions.get(function)
        say = f'{function}: {counts}, expected {sent} sent, {received} received'
        jobs.expect(counts is not None, say)
        jobs.expect((counts['sent_messages'], counts['sent_bytes']) == (sent, sent * BLOCK), say)
        jobs.expect((counts['received_messages'], counts['received_bytes']) ==
                    (received, received * BLOCK), say)


def counts():
    """No collective sends more between sites than it must; each message counts for its call."""
    for sites in (2, 2), (3, 1), (2, 1, 2):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, 'stats')
            jobs.run_over(sites, [jobs.SITES / 'counted', INTEGERS], 120,
                          {'WIDESPAN_STATS': f'json:{file}'}).must_pass()
            functions = job_functions(jobs.read_stats(file))
            check_counts(functions, sites)
            check_messages(functions)


def expected_between(sites):
    """{function: (messages, bytes)} between the odd and the even ranks: each site of the group that
    gives sends once to each other site of the group that takes."""
    starts = [sum(sites[:i]) for i in range(len(sites))]
    n = [[len(range(start + (start + odd) % 2, start + ranks, 2))
          for start, ranks in zip(starts, sites)] for odd in (0, 1)]
    even, odd = n
    there = sum(1 for ranks in odd if ranks)
    # Of each even root: messages to or from other sites that have odd ranks, and how many those are.
    rooted = sum(ranks * (there - (odd[i] > 0)) for i, ranks in enumerate(even))
    blocks = sum(ranks * (sum(odd) - odd[i]) for i, ranks in enumerate(even))
    pairs = [(n[a][i], n[1 - a][j]) for a in (0, 1) for i in range(len(sites))
             for j in range(len(sites)) if i != j and n[a][i] and n[1 - a][j]]
    return {
        'MPI_Bcast': (rooted, rooted * BLOCK),
        'MPI_Scatter': (rooted, blocks * BLOCK),
        'MPI_Gather': (rooted, blocks * BLOCK),
        'MPI_Reduce': (rooted, rooted * BLOCK),
        'MPI_Allgather': (len(pairs), sum(give for give, _ in pairs) * BLOCK),
        'MPI_Allreduce': (len(pairs), len(pairs) * BLOCK),
    }


def counts_between():
    """Between two groups nothing crosses more often than it must."""
    for sites in (2, 2), (3, 1), (2, 1, 2):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, 'stats')
            jobs.run_over(sites, [jobs.SITES / 'between', INTEGERS], 60,
                          {'WIDESPAN_STATS': f'json:{file}'}).must_pass()
            functions = job_functions(jobs.read_stats(file))
        for function, (messages, payload) in expected_between(sites).items():
            found = functions[function]
            jobs.expect((found['sent_messages'], found['sent_bytes']) == (messages, payload),
                        f'{function} over {sites}: {found}, expected {messages}, {payload} bytes')


def printed_once():
    """The table is printed once a job."""
    result = jobs.run_over((1, 1), [jobs.SITES / 'counted', INTEGERS], 60,
                           {'WIDESPAN_STATS': '1'}).must_pass()
    lines = [line.split() for line in result.err.splitlines() if ' MPI_Bcast ' in line]
    jobs.expect(lines == [['widespan:', 'MPI_Bcast', '4', '2', '800', '2', '800']],
                result.describe())


def check_paths(line, partner, payload, n_streams):
    """What a rank's statistics say of the path to its partner, and of that path's streams."""
    link = line['link']
    path = next(p for p in link['paths'] if p['peer'] == partner)
    jobs.expect(path['streams'] == path['streams_up'] == n_streams, path)
    jobs.expect(path['by_hand'] == ['streams', 'pacing'] and path['pace_bps'] == 400e6, path)
    jobs.expect(path['limit'] and path['why'] and path['segment_bytes'] >= 4096, path)
    jobs.expect(min(path[key] for key in ('goodput_bps', 'rtt_ns', 'min_rtt_ns')) >= 0, path)
    sent = [s['bytes_sent'] for s in link['streams'] if s['peer'] == partner]
    jobs.expect(0 < len(sent) <= n_streams and sum(sent) >= payload, link['streams'])
    jobs.expect(sum(sent) >= path['bytes_sent'] >= payload, path)


def choices():
    """The statistics tell what was chosen for large messages, by path and by site."""
    payload = 5000000
    by_hand = {'WIDESPAN_STREAMS': '3', 'WIDESPAN_PACING': '400M'}
    command = [jobs.SITES / 'bulk_pairs', payload]
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, 'stats')
        jobs.run_over((1, 1), command, 60,
                      {'WIDESPAN_STATS': f'json:{file}', **by_hand}).must_pass()
        ranks = [line for line in jobs.read_stats(file) if 'rank' in line]
        for line in ranks:
            check_paths(line, 1 - line['rank'], payload, 3)
        jobs.expect(len(ranks) == 2, ranks)
    result = jobs.run_over((1, 1), command, 60, {'WIDESPAN_STATS': '1', **by_hand}).must_pass()
    lines = [line for line in result.err.splitlines() if ': 3..3 streams, goodput ' in line]
    jobs.expect(len(lines) == 2 and all(', limit ' in line for line in lines), result.describe())


def streams_begun_with(folder, **environment):
    """Of a job with one message of a second between two ranks: {number} of what they chose."""
    stats = pathlib.Path(folder, 'stats')
    stats.unlink(missing_ok=True)
    result = jobs.run_over((1, 1), [jobs.SITES / 'bulk_pairs', 12500000], 60,
                           {'WIDESPAN_STATS': f'json:{stats}', 'WIDESPAN_PACING': '100M',
                            'WIDESPAN_HINTS': str(pathlib.Path(folder, 'hints')),
                            **environment}).must_pass()
    sent = [path for line in jobs.read_stats(stats) if 'rank' in line
            for path in line['link']['paths'] if path['goodput_bps'] > 0]
    jobs.expect(len(sent) >= 1, 'no goodput was measured')
    return {path['streams'] for path in sent}, result


def hints():
    """A job begins with the number of streams that the last one found, or that somebody wrote."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, 'hints')
        n_streams, _ = streams_begun_with(folder)
        head, *rows = file.read_text().splitlines()
        jobs.expect(head == '# widespan hints 1' and len(rows) == 1, file.read_text())
        host, n_kept, pace, goodput, rtt, credit = rows[0].split()
        jobs.expect(int(n_kept) in n_streams, f'{rows}: {n_streams}')
        jobs.expect(int(pace) == 100000000 and int(goodput) > 0, rows)
        written = next(n for n in (7, 9, 11) if n not in n_streams)  # found: any, by chance
        file.write_text(f'{head}\nelsewhere 3 0 1 1 1\n'
                        f'{host} {written} 0 {goodput} {rtt} {credit}\nbad\n')
        n_streams, result = streams_begun_with(folder)
        jobs.expect(n_streams == {written}, n_streams)
        jobs.expect(f'{file}:4: this line' in result.err, result.describe())
        rows = file.read_text().splitlines()[1:]
        found = [row.split()[:2] for row in rows]
        jobs.expect(found == [['elsewhere', '3'], [host, str(written)]], rows)

        n_streams, _ = streams_begun_with(folder, WIDESPAN_STREAMS='2')
        jobs.expect(n_streams == {2} and file.read_text().splitlines()[1:] == rows, n_streams)
        file.write_text('a letter\n')
        _, result = streams_begun_with(folder)
        jobs.expect('neither read nor written' in result.err, result.describe())
        jobs.expect(file.read_text() == 'a letter\n', file.read_text())
        result = jobs.run_over((2, 2), [jobs.SITES / 'bulk_pairs', 1000], 60,
                               {'WIDESPAN_HINTS': str(file)}).must_pass()
        jobs.expect(result.err.count('neither read nor written') == 2, result.describe())


def delays():
    """One one-way delay is enough for every collective, wherever its root is. Combining 4 MiB inside a
    site, of more ranks than cores, takes as long as a short way: that case goes a longer one."""
    ways = (('120ms', ['small_collectives_take_one_delay', 'large_collectives_take_one_delay',
                       'the_wide_half_goes_on_while_the_program_computes']),
            ('600ms', ['beyond_the_credit_it_takes_three']))
    for sites in (2, 2), (2, 1, 1):
        for rtt, cases in ways:
            command = [jobs.SITES / 'delays', '-T', 150, '-S', jobs.spread(sites), *cases]
            result = jobs.run_over(sites, command, 300,
                                   {'WIDESPAN_EMULATE': f'rtt={rtt}'}).must_pass()
            jobs.expect(f'{len(cases)} cases right' in result.out, result.describe())
            jobs.expect(result.err.count(f'emulating a distance (rtt={rtt})') == 1,
                        result.describe())


def rates():
    """A rate holds for a pair of sites: two pairs of ranks take twice as long as one."""
    payload, rate = 5000000, 200e6
    for sites, n_pairs in ((1, 1), 1), ((2, 2), 2):
        result = jobs.run_over(sites, [jobs.SITES / 'bulk_pairs', payload], 60,
                               {'WIDESPAN_EMULATE': f'rtt=20ms,rate={rate / 1e6:.0f}M'}).must_pass()
        seconds = float(result.out.split()[1])
        least = n_pairs * payload * 8 / rate + 0.01
        say = f'{n_pairs} pairs took {seconds} s, expected {least} s'
        jobs.expect(0.97 * least < seconds < 2 * least, say)


jobs.main({'counts': counts, 'counts_between': counts_between, 'printed_once': printed_once,
           'choices': choices, 'hints': hints,
           'delays': delays, 'rates': rates})
