! SPDX-License-Identifier: BSD-3-Clause
! Errors as a Fortran program sees them: the handler is a Fortran procedure, codes come in ierr. Each
! rank writes its lines to a file of the folder that is the argument.
program errors
    use mpi
    implicit none
    integer :: rank, size, ierr, handler, comm, peer, calls, seen, words(4), short(1)
    integer :: status(MPI_STATUS_SIZE), requests(2), statuses(MPI_STATUS_SIZE, 2)
    character(1000) :: folder
    character(20) :: name

    call MPI_Init(ierr)
    call MPI_Comm_rank(MPI_COMM_WORLD, rank, ierr)
    call MPI_Comm_size(MPI_COMM_WORLD, size, ierr)
    call get_command_argument(1, folder)
    write (name, '(i0)') rank
    open (7, file=trim(folder)//'/'//trim(name), action='write')
    call MPI_Comm_dup(MPI_COMM_WORLD, comm, ierr)
    call MPI_Comm_create_errhandler(note, handler, ierr)
    call MPI_Comm_set_errhandler(comm, handler, ierr)
    calls = 0
    words = rank

    do peer = 1, size - 1
        if (rank == peer) then
            call MPI_Send(words, 4, MPI_INTEGER, 0, 1, comm, ierr)
            call MPI_Send(words, 4, MPI_INTEGER, 0, 1, comm, ierr)
            call MPI_Send(words, 1, MPI_INTEGER, 0, 2, comm, ierr)
            call MPI_Send(words, 4, MPI_INTEGER, 0, 3, comm, ierr)
        else if (rank == 0) then
            call MPI_Send(words, 1, MPI_INTEGER, size, 1, comm, ierr)
            call say('rank')
            call MPI_Send(words, 1, MPI_INTEGER, peer, -7, comm, ierr)
            call say('tag')
            call MPI_Send(words, -1, MPI_INTEGER, peer, 1, comm, ierr)
            call say('count')
            call MPI_Send(words, 1, MPI_DATATYPE_NULL, peer, 1, comm, ierr)
            call say('type')
            call MPI_Recv(short, 1, MPI_INTEGER, peer, 1, comm, status, ierr)
            call say('truncated')
            call MPI_Recv(short, 1, MPI_INTEGER, MPI_ANY_SOURCE, 1, comm, MPI_STATUS_IGNORE, ierr)
            call say('truncated, any')
            call MPI_Irecv(short, 1, MPI_INTEGER, peer, 2, comm, requests(1), ierr)
            call MPI_Irecv(words, 1, MPI_INTEGER, peer, 3, comm, requests(2), ierr)
            call MPI_Wait(requests(1), status, ierr)
            call MPI_Waitall(2, requests, statuses, ierr)
            call say('waitall')
        end if
        call MPI_Barrier(comm, ierr)
    end do
    call MPI_Bcast(words, 1, MPI_INTEGER, size, comm, ierr)
    call say('root')
    call MPI_Allreduce(words, short, 1, MPI_DATATYPE_NULL, MPI_SUM, comm, ierr)
    call say('operation')
    call MPI_Comm_free(comm, ierr)
    close (7)
    call MPI_Finalize(ierr)

contains

    subroutine note(which, code)
        integer :: which, code, members, handler_ierr
        call MPI_Comm_size(which, members, handler_ierr)
        calls = calls + 1
        seen = code
        if (members /= size) seen = -1
    end subroutine note

    subroutine say(what)
        character(*), intent(in) :: what
        integer :: class, seen_class, class_ierr
        call MPI_Error_class(ierr, class, class_ierr)
        call MPI_Error_class(seen, seen_class, class_ierr)
        write (7, '(a,i0,a,i0,a,a,a,i0,a,i0,a,i0)') '[', rank, '] fortran ', peer, ' ', what, ': ', &
            class, ' handler=', calls, ',', seen_class
        calls = 0
    end subroutine say
end program errors
