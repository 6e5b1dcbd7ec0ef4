/* SPDX-License-Identifier: BSD-3-Clause */
/* Over a pair of ZeroMQ sockets; where is "listen:PORT" or "HOST:PORT". A message is handed over
 * without a copy, and its slot is free when ZeroMQ has sent it. */
#include "channel.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

static void *context, *socket_;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t freed = PTHREAD_COND_INITIALIZER;
static bool is_busy[CHANNEL_SLOTS];
static struct {
    void *data;
    size_t size;
} receives[CHANNEL_SLOTS];

static void check(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "channel: %s: %s\n", what, zmq_strerror(zmq_errno()));
    exit(1);
}

const bool channel_opens_at_once = true;

bool channel_open(const char *where)
{
    char endpoint[256];
    bool listens = strncmp(where, "listen:", 7) == 0;
    context = zmq_ctx_new();
    socket_ = zmq_socket(context, ZMQ_PAIR);
    check(socket_ != NULL, "socket");
    snprintf(endpoint, sizeof endpoint, "tcp://%s%s", listens ? "*:" : "",
             listens ? where + 7 : where);
    check((listens ? zmq_bind(socket_, endpoint) : zmq_connect(socket_, endpoint)) == 0, endpoint);
    return !listens;
}

void channel_close(void)
{
    zmq_close(socket_);
    zmq_ctx_term(context);
}

static void on_sent(void *data, void *slot)
{
    (void)data;
    pthread_mutex_lock(&lock);
    *(bool *)slot = false;
    pthread_cond_signal(&freed);
    pthread_mutex_unlock(&lock);
}

void channel_send(int slot, const void *data, size_t size)
{
    zmq_msg_t message;
    is_busy[slot] = true;
    check(zmq_msg_init_data(&message, (void *)data, size, on_sent, &is_busy[slot]) == 0, "send");
    check(zmq_msg_send(&message, socket_, 0) >= 0, "send");
}

void channel_sent(int slot)
{
    pthread_mutex_lock(&lock);
    while (is_busy[slot])
        pthread_cond_wait(&freed, &lock);
    pthread_mutex_unlock(&lock);
}

void channel_receive(int slot, void *data, size_t size)
{
    receives[slot].data = data;
    receives[slot].size = size;
}

void channel_received(int slot)
{
    check(zmq_recv(socket_, receives[slot].data, receives[slot].size, 0) >= 0, "receive");
}
