# SPDX-License-Identifier: BSD-3-Clause
"""Writes one of the shim's generated files: generate.py WHAT functions.tbl OUTPUT."""

import sys

import coverage
import table

HEAD = '/* SPDX-License-Identifier: BSD-3-Clause */\n/* Made by gen/generate.py from functions.tbl. */\n'


NULL_HANDLES = {'newcomm': 'MPI_COMM_NULL', 'newgroup': 'MPI_GROUP_NULL', 'newwin': 'MPI_WIN_NULL',
                'newfile': 'MPI_FILE_NULL', 'newrequest': 'MPI_REQUEST_NULL'}
PEER_ROUTES = ('peer_block', 'peer_start')


def host_table_h(functions):
    """struct wsp_host: a pointer to each function of the host."""
    fields = ''.join(f'    {f.returns} (*{f.name})({f.declarations});\n'
                     for f in functions if f.in_host_table)
    return (HEAD + '#ifndef WSP_HOST_TABLE_H\n#define WSP_HOST_TABLE_H\n\n#include <mpi.h>\n\n'
            f'struct wsp_host {{\n{fields}}};\n\n#endif\n')


def host_table_c(functions):
    """The names of the fields of struct wsp_host, in their order; their types must be mpi.h's."""
    names = ''.join(f'    "PMPI_{f.name}",\n' for f in functions if f.in_host_table)
    checks = ''.join(f'CHECK({f.name});\n' for f in functions if f.in_host_table)
    return (HEAD + '#include "host/host.h"\n\n'
            f'const char *const wsp_host_names[WSP_HOST_COUNT] = {{\n{names}}};\n\n'
            '#define CHECK(name) \\\n    _Static_assert(__builtin_types_compatible_p(__typeof(host.name), '
            '__typeof(&MPI_##name)), #name)\n' + checks)


def wide_h(functions):
    """What the shim does itself for each dual function."""
    body = ''.join(f'{f.returns} wide_{f.name}({f.declarations});\n'
                   for f in functions if f.klass == 'dual')
    return (HEAD + '#ifndef WSP_WIDE_H\n#define WSP_WIDE_H\n\n#include <mpi.h>\n\n'
            f'{body}\n#endif\n')


def functions_h(functions):
    """An id for each function that the shim may serve itself."""
    rows = ' \\\n'.join(f'    X({f.name})' for f in functions if f.klass == 'dual')
    return (HEAD + '#ifndef WSP_FUNCTIONS_H\n#define WSP_FUNCTIONS_H\n\n'
            f'#define WSP_FUNCTION_TABLE(X) \\\n{rows}\n\n'
            'enum wsp_function {\n    WSP_FUNCTION_NONE,\n#define ID(name) WSP_FUNCTION_##name,\n'
            '    WSP_FUNCTION_TABLE(ID)\n#undef ID\n    WSP_FUNCTION_COUNT_\n};\n\n#endif\n')


def comm_expressions(function):
    return [('*' if p.kind == 'iocomm' else '') + p.name
            for p in function.of_kind('comm', 'iocomm')]


def group_expressions(function):
    return [('*' if p.kind == 'iogroup' else '') + p.name
            for p in function.of_kind('group', 'iogroup')]


def route_condition(function):
    """True: straight to the host."""
    if function.route in ('request', 'message', 'buffered', 'members'):
        return f'WSP_ROUTE_{function.route}()'
    handles = group_expressions if function.route == 'group' else comm_expressions
    return ' && '.join(f'WSP_ROUTE_{function.route}({c})' for c in handles(function))


# Measured (bench/compare-home-collectives): also of a large payload the host's nonblocking form is
# the faster one.
FASTER_NONBLOCKING = ('Alltoall', 'Reduce_scatter_block')


def home_is_large(function):
    """Whether the payload of a home collective is large: by counts that mean the same on every
    member, as all must choose alike. None: there are no such counts, or it does not pay."""
    comm = comm_expressions(function)[0]
    counts, lists = function.of_kind('count'), function.of_kind('counts')
    types = function.of_kind('datatype')
    if function.of_kind('rank') and (lists or len(counts) > 1):
        return None  # the root's mean nothing elsewhere
    if function.name.startswith('Neighbor_') or function.name in FASTER_NONBLOCKING:
        return None  # each neighbour has its own
    if len(lists) == 1:
        return f'wsp_home_are_large({comm}, {lists[0].name}, {types[-1].name})'
    if counts and not lists:  # the last: MPI_IN_PLACE voids the first
        return f'wsp_home_is_large({comm}, {counts[-1].name}, {types[-1].name})'
    return None


def home_collective(function, by_name):
    """A home collective that does not sleep in the host: its nonblocking form and the joint loop,
    or, where there is none or it will not do, the blocking form behind a driven barrier."""
    comm = comm_expressions(function)[0]
    barrier = (f'        int err = wsp_home_enter({comm});\n'
               f'        return err == MPI_SUCCESS ? host.{function.name}({function.arguments}) : err;\n')
    form = by_name.get('I' + function.name[0].lower() + function.name[1:])
    if not form or not form.of_kind('newrequest') or form.flag == 'fragile':
        return barrier
    reasons = [home_is_large(function)]
    if function.of_kind('op'):
        reasons.append(f'!wsp_home_can_reduce({function.of_kind("datatype")[0].name})')
    text, condition = '', ' || '.join(filter(None, reasons))
    if condition:
        text += (f'        if ({condition}) {{\n'
                 + barrier.replace('        ', '            ') + '        }\n')
    return text + (f'        wsp_coll_await_idup({comm});\n'
                   '        MPI_Request request;\n'
                   f'        int err = host.{form.name}({function.arguments}, &request);\n'
                   f'        return err == MPI_SUCCESS ? wsp_home_complete(&request) : err;\n')


def has_own_way(function):
    """Whether the shim may serve it itself."""
    return function.klass == 'dual' and function.route != '-'


def own_way(function):
    """The shim's own way, which the thread is known to be at. Kept apart: beside it a call that goes
    straight to the host needs no frame on the stack."""
    looks_closer = to_peer(function, 'ROUTE') if function.route in PEER_ROUTES else ''
    return (f'static __attribute__((noinline)) {function.returns} own_{function.name}'
            f'({function.declarations})\n{{\n{looks_closer}'
            f'    enum wsp_function wsp_before = wsp_count_call(WSP_FUNCTION_{function.name});\n'
            f'    {function.returns} wsp_result = wide_{function.name}({function.arguments});\n'
            '    wsp_count_switch(wsp_before);\n    return wsp_result;\n}\n\n')


def is_nonblocking_collective(function, by_name):
    blocking = by_name.get(function.name[1:].capitalize())
    return bool(function.of_kind('newrequest') and blocking and blocking.route == 'coll'
                and function.route == 'comm')


def to_peer(function, look):
    """A message to or from one rank: straight, with the rank that the host knows it by."""
    (peer,), (tag,), (comm,) = (function.of_kind(k) for k in ('rank', 'tag', 'comm'))
    receives = 'true' if function.of_kind('outbuffer') else 'false'
    arguments = ', '.join('wsp_peer' if p is peer else p.name for p in function.parameters)
    return (f'    int wsp_peer = {peer.name};\n'
            f'    if (WSP_{look}_{function.route}({comm.name}, &wsp_peer, {tag.name}, {receives})) {{\n'
            f'        return host.{function.name}({arguments});\n    }}\n')


def body(function, by_name):
    call = f'host.{function.name}({function.arguments})'
    own = f'    return own_{function.name}({function.arguments});\n'
    if function.route == '-':
        return f'    return {call};\n'
    if function.route == 'always':
        return own
    if function.route in PEER_ROUTES:
        return to_peer(function, 'QUICK') + own
    wait = ''
    if is_nonblocking_collective(function, by_name):
        wait = f'        wsp_coll_await_idup({comm_expressions(function)[0]});\n'
    text = f'    if ({route_condition(function)}) {{\n{wait}        return {call};\n    }}\n'
    # Where a result has no place to go, it is the host that says so.
    results = [p.name for p in function.of_kind('newcomm', 'newgroup', 'outvalue', 'outrank')]
    if function.klass == 'dual' and results:
        text += f'    if ({" || ".join("!" + r for r in results)})\n        return {call};\n'
    if function.route == 'coll' and not function.of_kind('newrequest'):
        home = ' && '.join(f'WSP_ROUTE_comm({c})' for c in comm_expressions(function))
        text += f'    if ({home}) {{\n{home_collective(function, by_name)}    }}\n'
    if function.klass == 'dual':
        return text + own
    # A program that goes on after the error finds no handle where it asked for one.
    text += ''.join(f'    *{p.name} = {NULL_HANDLES[p.kind]};\n'
                    for p in function.of_kind(*NULL_HANDLES))
    comms = comm_expressions(function)
    how, culprit = 'wsp_refuse', comms[0] if comms else 'win'
    if len(comms) > 1:
        culprit = f'WSP_ROUTE_comm({comms[0]}) ? {comms[1]} : {comms[0]}'
    if not comms:
        how = 'wsp_refuse_group'
    elif function.of_kind('newfile'):
        how = 'wsp_refuse_file'
    return text + f'    return {how}("MPI_{function.name}", {culprit});\n'


def wrapper(function, by_name):
    inner = body(function, by_name)
    if function.flag == 'reenters':
        # Only the host's code runs at depth: the routes and the refusal stand outside of it.
        inner = inner.replace(f'host.{function.name}(', f'nested_{function.name}(')
        file = (function.of_kind('file') or [None])[0]
        file = file.name if file else 'MPI_FILE_NULL'
        extra = (f'static int nested_{function.name}({function.declarations})\n{{\n'
                 f'    wsp_nested_enter_file({file});\n'
                 f'    int err = host.{function.name}({function.arguments});\n'
                 f'    return wsp_nested_leave_file({file}, err);\n}}\n\n')
    elif function.flag == 'sleeps':
        inner = inner.replace(f'host.{function.name}(', f'asleep_{function.name}(')
        extra = (f'static int asleep_{function.name}({function.declarations})\n{{\n'
                 '    wsp_asleep_enter();\n'
                 f'    int err = host.{function.name}({function.arguments});\n'
                 '    wsp_asleep_leave();\n    return err;\n}\n\n')
    else:
        extra = ''
    if has_own_way(function):
        extra += own_way(function)
    return (f'{extra}WSP_EXPORT {function.returns} MPI_{function.name}({function.declarations})\n'
            f'{{\n{inner}}}\nWSP_ALIAS({function.name})\n\n')


def wrappers_c(functions):
    """The exported functions."""
    by_name = {f.name: f for f in functions}
    return (HEAD + '#include "count/count.h"\n#include "host/asleep.h"\n#include "host/error.h"\n#include "host/home.h"\n#include "host/host.h"\n#include "host/nested.h"\n'
            '#include "host/route.h"\n#include "wide.h"\n\n'
            '#define WSP_EXPORT __attribute__((visibility("default")))\n'
            '/* PMPI_X is the same function as MPI_X: a profiler above us finds it by that name. */\n'
            '#define WSP_ALIAS(name) \\\n'
            '    extern __typeof(MPI_##name) PMPI_##name '
            '__attribute__((alias("MPI_" #name), visibility("default")));\n\n'
            + ''.join(wrapper(f, by_name) for f in functions if f.is_exported).rstrip() + '\n')


def version_script(functions):
    lines = ''.join(f'        {n};\n' for n in table.exported(functions))
    return f'{{\n    global:\n{lines}    local:\n        *;\n}};\n'


WRITERS = {'host_table.h': host_table_h, 'host_table.c': host_table_c, 'wide.h': wide_h,
           'functions.h': functions_h, 'wrappers.c': wrappers_c, 'shim.map': version_script,
           'mpi-coverage.md': coverage.mpi_coverage_md}


def main():
    what, source, output = sys.argv[1:]
    with open(output, 'w', encoding='ascii') as file:
        file.write(WRITERS[what](table.read(source)))


if __name__ == '__main__':
    main()
