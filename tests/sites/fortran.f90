! SPDX-License-Identifier: BSD-3-Clause
! A Fortran program over sites: statuses, wildcards, MPI_STATUSES_IGNORE, MPI_IN_PLACE, matched
! probes (whose handle Fortran converts), derived types and MPI_BOTTOM; duplicates that take their
! time, and arrays of types, which the bindings keep for the length of a call.
program sites
    use mpi
    implicit none
    integer :: rank, size, ierr, other, i, total, next, before, count, message, dup, value
    integer :: status(MPI_STATUS_SIZE), column, answer
    integer, allocatable :: requests(:), values(:), given(:), got(:), ones(:), places(:), types(:)
    integer :: twins(3)
    double precision :: matrix(8, 8), received(8)
    logical :: flag, is_set
    integer(MPI_ADDRESS_KIND) :: attribute

    call MPI_Init(ierr)
    call MPI_Comm_rank(MPI_COMM_WORLD, rank, ierr)
    call MPI_Comm_size(MPI_COMM_WORLD, size, ierr)
    next = mod(rank + 1, size)
    before = mod(rank + size - 1, size)

    ! Everyone to everyone with Waitall and no statuses.
    allocate (requests(2*size), values(size))
    do other = 0, size - 1
        call MPI_Irecv(values(other + 1), 1, MPI_INTEGER, other, 1, MPI_COMM_WORLD, &
                       requests(other + 1), ierr)
        call MPI_Isend(rank, 1, MPI_INTEGER, other, 1, MPI_COMM_WORLD, requests(size + other + 1), ierr)
    end do
    call MPI_Waitall(2*size, requests, MPI_STATUSES_IGNORE, ierr)
    do other = 0, size - 1
        call expect(values(other + 1) == other, 'waitall')
    end do

    ! Wildcards: each source once, with its own tag.
    do other = 0, size - 1
        call MPI_Isend(rank, 1, MPI_INTEGER, other, 100 + rank, MPI_COMM_WORLD, requests(other + 1), ierr)
    end do
    total = 0
    do i = 1, size
        call MPI_Recv(value, 1, MPI_INTEGER, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, status, ierr)
        call MPI_Get_count(status, MPI_INTEGER, count, ierr)
        call expect(status(MPI_SOURCE) == value .and. status(MPI_TAG) == 100 + value, 'status')
        call expect(count == 1, 'count')
        total = total + value
    end do
    call expect(total == size*(size - 1)/2, 'wildcards')
    call MPI_Waitall(size, requests, MPI_STATUSES_IGNORE, ierr)
    call MPI_Barrier(MPI_COMM_WORLD, ierr)

    ! Matched probes.
    call MPI_Isend(rank, 1, MPI_INTEGER, next, 3, MPI_COMM_WORLD, requests(1), ierr)
    call MPI_Mprobe(MPI_ANY_SOURCE, 3, MPI_COMM_WORLD, message, status, ierr)
    call expect(status(MPI_SOURCE) == before, 'mprobe')
    call MPI_Mrecv(value, 1, MPI_INTEGER, message, status, ierr)
    call expect(value == before .and. message == MPI_MESSAGE_NULL, 'mrecv')
    call MPI_Wait(requests(1), MPI_STATUS_IGNORE, ierr)
    call MPI_Barrier(MPI_COMM_WORLD, ierr)

    call MPI_Isend(rank, 1, MPI_INTEGER, next, 4, MPI_COMM_WORLD, requests(1), ierr)
    flag = .false.
    do while (.not. flag)
        call MPI_Improbe(before, MPI_ANY_TAG, MPI_COMM_WORLD, flag, message, status, ierr)
    end do
    call MPI_Imrecv(value, 1, MPI_INTEGER, message, requests(2), ierr)
    call MPI_Waitall(2, requests, MPI_STATUSES_IGNORE, ierr)
    call expect(value == before, 'imrecv')

    ! A row of a column-major matrix against a plain array.
    do i = 1, 8
        matrix(:, i) = rank*100 + i
    end do
    call MPI_Type_vector(8, 1, 8, MPI_DOUBLE_PRECISION, column, ierr)
    call MPI_Type_commit(column, ierr)
    call MPI_Sendrecv(matrix, 1, column, next, 5, received, 8, MPI_DOUBLE_PRECISION, before, 5, &
                      MPI_COMM_WORLD, status, ierr)
    do i = 1, 8
        call expect(received(i) == before*100 + i, 'row')
    end do
    call MPI_Type_free(column, ierr)

    ! Duplicates, persistent requests, collectives in place.
    call MPI_Comm_dup(MPI_COMM_WORLD, dup, ierr)
    call MPI_Send_init(rank, 1, MPI_INTEGER, next, 6, dup, requests(1), ierr)
    call MPI_Recv_init(value, 1, MPI_INTEGER, MPI_ANY_SOURCE, 6, dup, requests(2), ierr)
    do i = 1, 5
        call MPI_Startall(2, requests, ierr)
        call MPI_Wait(requests(2), status, ierr)
        call MPI_Wait(requests(1), MPI_STATUS_IGNORE, ierr)
        call expect(value == before .and. status(MPI_SOURCE) == before, 'persistent')
        call MPI_Barrier(dup, ierr)
    end do
    call MPI_Request_free(requests(1), ierr)
    call MPI_Request_free(requests(2), ierr)
    answer = rank
    call MPI_Allreduce(MPI_IN_PLACE, answer, 1, MPI_INTEGER, MPI_SUM, dup, ierr)
    call expect(answer == size*(size - 1)/2, 'allreduce')
    values(rank + 1) = rank*7
    call MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, values, 1, MPI_INTEGER, dup, ierr)
    do other = 0, size - 1
        call expect(values(other + 1) == other*7, 'allgather')
    end do

    ! The handle is there when the call returns; what is on the stack afterwards is not the shim's.
    do i = 1, 3
        call MPI_Comm_idup(MPI_COMM_WORLD, twins(i), requests(i), ierr)
        call scribble(i)
    end do
    call MPI_Waitall(3, requests, MPI_STATUSES_IGNORE, ierr)
    do i = 1, 3
        answer = 1
        call MPI_Allreduce(MPI_IN_PLACE, answer, 1, MPI_INTEGER, MPI_SUM, twins(i), ierr)
        call expect(answer == size, 'idup')
        call MPI_Comm_free(twins(i), ierr)
    end do

    ! Each with a type of its own, in the blocking and the nonblocking form.
    allocate (given(size), got(size), ones(size), places(size), types(size))
    ones = 1
    places = [(4*i, i=0, size - 1)]
    types = MPI_INTEGER
    do i = 1, 2
        given = [(100*rank + other, other=1, size)]
        got = -1
        if (i == 1) then
            call MPI_Alltoallw(given, ones, places, types, got, ones, places, types, MPI_COMM_WORLD, &
                               ierr)
        else
            call MPI_Ialltoallw(given, ones, places, types, got, ones, places, types, &
                                MPI_COMM_WORLD, requests(1), ierr)
            call scribble(size)
            call MPI_Wait(requests(1), MPI_STATUS_IGNORE, ierr)
        end if
        do other = 1, size
            call expect(got(other) == 100*(other - 1) + rank + 1, 'alltoallw')
        end do
    end do

    call MPI_Comm_get_attr(dup, MPI_UNIVERSE_SIZE, attribute, is_set, ierr)
    call expect(is_set .and. attribute >= size, 'universe size')
    call MPI_Comm_get_attr(dup, MPI_TAG_UB, attribute, is_set, ierr)
    call expect(is_set .and. attribute >= 32767, 'largest tag')
    call MPI_Comm_free(dup, ierr)

    if (rank == 0) print '(a,i0,a)', 'fortran: ', size, ' ranks: right'
    call MPI_Finalize(ierr)

contains

    ! Uses what memory the call before has left, on the stack and on the heap.
    recursive subroutine scribble(depth)
        integer, intent(in) :: depth
        integer :: stack(256)
        integer, allocatable :: heap(:)
        allocate (heap(2*size))
        heap = -depth
        stack = depth
        if (depth > 1) call scribble(depth - 1)
        if (sum(stack) /= 256*depth .or. any(heap /= -depth)) call expect(.false., 'scribble')
        deallocate (heap)
    end subroutine scribble

    subroutine expect(holds, what)
        logical, intent(in) :: holds
        character(*), intent(in) :: what
        integer :: abort_ierr
        if (holds) return
        print '(a,i0,a,a)', 'fortran: WRONG: rank ', rank, ': ', what
        call MPI_Abort(MPI_COMM_WORLD, 1, abort_ierr)
    end subroutine expect
end program sites
