/* SPDX-License-Identifier: BSD-3-Clause */
/* Placement on this machine, whatever it is. */
#include "unit.h"

#include "net/placement.h"
#include "net/topology.h"

#include <stdio.h>
#include <string.h>

/* hwloc unloads its plugins, whose memory would then be taken for lost: they stay loaded here. */
int dlclose(void *handle);
__attribute__((visibility("default"))) int dlclose(void *handle)
{
    (void)handle;
    return 0;
}

static hwloc_topology_t topology;

static void load(void)
{
    ck_assert_int_eq(wsp_topology_load(&topology), WSP_OK);
}

static void unload(void)
{
    hwloc_topology_destroy(topology);
}

static struct wsp_placement choose(const char *bind, wsp_err expected)
{
    struct wsp_placement placement;
    ck_assert_int_eq(wsp_placement_choose(topology, "127.0.0.1", bind, &placement), expected);
    ck_assert_str_ne(placement.reason, "");
    return placement;
}

static int first_allowed(void)
{
    return hwloc_bitmap_first(hwloc_topology_get_allowed_cpuset(topology));
}

START_TEST(none_binds_nothing)
{
    struct wsp_placement placement = choose("none", WSP_OK);
    ck_assert(!placement.is_bound);
}
END_TEST

START_TEST(a_list_is_taken_as_it_is)
{
    char list[16];
    snprintf(list, sizeof list, "%d", first_allowed());
    struct wsp_placement placement = choose(list, WSP_OK);
    ck_assert(placement.is_bound);
    ck_assert_int_eq(hwloc_bitmap_first(placement.processors), first_allowed());
    ck_assert_int_eq(hwloc_bitmap_weight(placement.processors), 1);
    hwloc_bitmap_free(placement.processors);
}
END_TEST

START_TEST(lists_that_cannot_be_are_refused)
{
    static const char *const bad[] = {"fast", "1;2", "99999", "", ","};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct wsp_placement placement = choose(bad[i], WSP_ERR_CONFIG);
        ck_assert(!placement.is_bound);
        ck_assert_ptr_nonnull(strstr(placement.reason, "not bound: WIDESPAN_BIND="));
    }
}
END_TEST

START_TEST(a_bound_process_gets_a_core_that_is_free)
{
    hwloc_obj_t core = hwloc_get_obj_by_type(topology, HWLOC_OBJ_CORE, 0);
    int n_cores = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE);
    if (!core || n_cores < 2 ||
        hwloc_set_cpubind(topology, core->cpuset, HWLOC_CPUBIND_PROCESS) != 0)
        return; /* nothing to be free on this machine */
    struct wsp_placement placement = choose("auto", WSP_OK);
    if (placement.is_bound) {
        ck_assert(!hwloc_bitmap_intersects(placement.processors, core->cpuset));
        hwloc_bitmap_free(placement.processors);
    } else {
        ck_assert_ptr_nonnull(strstr(placement.reason, "left with its rank"));
    }
}
END_TEST

START_TEST(interfaces_are_found_by_address)
{
    char name[IF_NAMESIZE];
    ck_assert(wsp_interface_of("127.0.0.1", name));
    ck_assert(!wsp_interface_of("203.0.113.77", name));
    ck_assert(!wsp_interface_of("no address", name));
    ck_assert_ptr_null(wsp_interface_node(topology, "no-such-device"));
}
END_TEST

void test_cases(TCase *cases)
{
    tcase_add_checked_fixture(cases, load, unload);
    tcase_add_test(cases, none_binds_nothing);
    tcase_add_test(cases, a_list_is_taken_as_it_is);
    tcase_add_test(cases, lists_that_cannot_be_are_refused);
    tcase_add_test(cases, a_bound_process_gets_a_core_that_is_free);
    tcase_add_test(cases, interfaces_are_found_by_address);
}
