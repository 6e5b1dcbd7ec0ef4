/* SPDX-License-Identifier: BSD-3-Clause */
/* Size and extent do not tell whether a type may travel from the user's buffer as it lies there:
 * indexed({1,1},{1,0}) has both right and packs in reverse. So the constructors are read back, and
 * each adds its blocks to a chain that must go on where it stopped. */
#include "type/typemap.h"

#include "host/host.h"

#include <stdlib.h>

/* The arguments that a type was made with (MPI-3.1, 4.1.13). */
struct recipe {
    int combiner;
    int n_integers, n_addresses, n_types;
    int *integers;
    MPI_Aint *addresses;
    MPI_Datatype *types;
};

/* The typemap so far. */
struct chain {
    bool is_dense, has_bytes;
    int64_t first, next;
};

/* Made of other types: only such handles from MPI_Type_get_contents are the caller's to free. */
static bool is_derived(MPI_Datatype type)
{
    int n_integers, n_addresses, n_types, combiner;
    return host.Type_get_envelope(type, &n_integers, &n_addresses, &n_types, &combiner) ==
               MPI_SUCCESS &&
           n_types > 0;
}

static void recipe_free(struct recipe *recipe)
{
    for (int i = 0; recipe->types && i < recipe->n_types; i++)
        if (recipe->types[i] != MPI_DATATYPE_NULL && is_derived(recipe->types[i]))
            host.Type_free(&recipe->types[i]);
    free(recipe->integers);
    free(recipe->addresses);
    free(recipe->types);
}

static bool recipe_alloc(struct recipe *recipe)
{
    recipe->integers = calloc((size_t)recipe->n_integers + 1, sizeof *recipe->integers);
    recipe->addresses = calloc((size_t)recipe->n_addresses + 1, sizeof *recipe->addresses);
    recipe->types = calloc((size_t)recipe->n_types + 1, sizeof *recipe->types);
    for (int i = 0; recipe->types && i < recipe->n_types; i++)
        recipe->types[i] = MPI_DATATYPE_NULL;
    return recipe->integers && recipe->addresses && recipe->types;
}

/* Free it whatever this returns. */
static int recipe_read(MPI_Datatype type, struct recipe *recipe)
{
    *recipe = (struct recipe){0};
    int err = host.Type_get_envelope(type, &recipe->n_integers, &recipe->n_addresses,
                                     &recipe->n_types, &recipe->combiner);
    if (err != MPI_SUCCESS || recipe->n_types == 0)
        return err;
    if (!recipe_alloc(recipe))
        return MPI_ERR_NO_MEM;
    return host.Type_get_contents(type, recipe->n_integers, recipe->n_addresses, recipe->n_types,
                                  recipe->integers, recipe->addresses, recipe->types);
}

static void chain_add(struct chain *chain, const struct wsp_typemap *child, int64_t n,
                      int64_t displacement)
{
    if (n == 0 || child->size == 0)
        return;
    int64_t start = displacement + child->first;
    if (!child->is_dense || (n > 1 && child->extent != (int64_t)child->size) ||
        (chain->has_bytes && start != chain->next)) {
        chain->is_dense = false;
        return;
    }
    if (!chain->has_bytes)
        chain->first = start;
    chain->has_bytes = true;
    chain->next = start + n * (int64_t)child->size;
}

/* Blocks of the same length, stride bytes apart. */
static void chain_add_vector(struct chain *chain, const struct wsp_typemap *child, int count,
                             int length, int64_t stride)
{
    if (count > 1 && stride == length * child->extent)
        chain_add(chain, child, (int64_t)count * length, 0);
    else if (count > 1 && length > 0 && child->size > 0)
        chain->is_dense = false;
    else if (count > 0)
        chain_add(chain, child, length, 0);
}

/* Constructors with one child. False for those that are left to the pack routines. */
static bool chain_one_child(struct chain *chain, const struct recipe *r,
                            const struct wsp_typemap *child)
{
    const int *n = r->integers;
    const MPI_Aint *a = r->addresses;
    if (r->combiner == MPI_COMBINER_DUP || r->combiner == MPI_COMBINER_RESIZED)
        chain_add(chain, child, 1, 0);
    else if (r->combiner == MPI_COMBINER_CONTIGUOUS)
        chain_add(chain, child, n[0], 0);
    else if (r->combiner == MPI_COMBINER_VECTOR)
        chain_add_vector(chain, child, n[0], n[1], n[2] * child->extent);
    else if (r->combiner == MPI_COMBINER_HVECTOR)
        chain_add_vector(chain, child, n[0], n[1], a[0]);
    else if (r->combiner == MPI_COMBINER_INDEXED)
        for (int i = 0; chain->is_dense && i < n[0]; i++)
            chain_add(chain, child, n[1 + i], n[1 + n[0] + i] * child->extent);
    else if (r->combiner == MPI_COMBINER_HINDEXED)
        for (int i = 0; chain->is_dense && i < n[0]; i++)
            chain_add(chain, child, n[1 + i], a[i]);
    else if (r->combiner == MPI_COMBINER_INDEXED_BLOCK)
        for (int i = 0; chain->is_dense && i < n[0]; i++)
            chain_add(chain, child, n[1], n[2 + i] * child->extent);
    else if (r->combiner == MPI_COMBINER_HINDEXED_BLOCK)
        for (int i = 0; chain->is_dense && i < n[0]; i++)
            chain_add(chain, child, n[1], a[i]);
    else
        return false;
    return true;
}

static int chain_recipe(struct chain *chain, const struct recipe *recipe)
{
    struct wsp_typemap child;
    int err = MPI_SUCCESS;
    if (recipe->combiner == MPI_COMBINER_STRUCT) {
        for (int i = 0; chain->is_dense && i < recipe->integers[0]; i++) {
            err = wsp_typemap_walk(recipe->types[i], &child);
            if (err != MPI_SUCCESS)
                return err;
            chain_add(chain, &child, recipe->integers[1 + i], recipe->addresses[i]);
        }
        return MPI_SUCCESS;
    }
    if (recipe->n_types == 1)
        err = wsp_typemap_walk(recipe->types[0], &child);
    if (err == MPI_SUCCESS && (recipe->n_types != 1 || !chain_one_child(chain, recipe, &child)))
        chain->is_dense = false;
    return err;
}

int wsp_typemap_walk(MPI_Datatype type, struct wsp_typemap *map)
{
    MPI_Count size, lb, extent, true_lb, true_extent;
    int err = host.Type_size_x(type, &size);
    if (err == MPI_SUCCESS)
        err = host.Type_get_extent_x(type, &lb, &extent);
    if (err == MPI_SUCCESS)
        err = host.Type_get_true_extent_x(type, &true_lb, &true_extent);
    if (err != MPI_SUCCESS)
        return err;
    *map = (struct wsp_typemap){.size = (uint64_t)size, .extent = extent, .is_dense = size == 0};
    /* The host gives a type without bytes any true bounds. */
    if (size > 0)
        map->first = true_lb;
    /* Also a type that ascends has no gap only if it spans no more than its size. */
    if (size == 0 || size != true_extent)
        return MPI_SUCCESS;
    struct recipe recipe;
    struct chain chain = {.is_dense = true};
    err = recipe_read(type, &recipe);
    if (err == MPI_SUCCESS && recipe.n_types > 0) {
        err = chain_recipe(&chain, &recipe);
        map->is_dense = chain.is_dense && chain.has_bytes && chain.first == true_lb;
    } else if (err == MPI_SUCCESS) {
        map->is_dense = true; /* predefined, and without padding */
    }
    recipe_free(&recipe);
    return err;
}
