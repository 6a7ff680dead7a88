//! What holds of adding, changing and removing admins.

use super::*;

const BOB: &str = "bob@example.com";

#[tokio::test]
async fn a_removed_admin_is_out_at_once_and_stays_out_when_added_again() {
    let (house, ada) = House::with_ada().await;
    let bob = house.add(BOB, Role::Viewer).await;
    let by = Actor::Admin(&ada.signed_in, &home());
    assert_eq!(house.admins.remove(&by, house.id(BOB)).await.expect("works"), Managed::Done(()));
    assert!(!house.is_in(&bob.cookie).await);
    assert_eq!(house.admins.remove(&by, house.id(BOB)).await.expect("works"), Managed::Unknown);
    house.forward(1);
    // What is left in the table of a session that outlived its admin.
    house.store.save_session(&bob.signed_in.session).await.expect("works");
    house.add(BOB, Role::Viewer).await;
    assert!(!house.is_in(&bob.cookie).await);
    assert!(house.log().await.contains(&format!("{ADA} admin_removed {BOB}")));
}

#[tokio::test]
async fn a_reset_ends_everything_at_once() {
    let (house, ada) = House::with_ada().await;
    house.forward(30);
    let code = house.app(ADA).await;
    let Managed::Done(link) = house.admins.reset(&OPERATOR, house.id(ADA)).await.expect("works") else {
        panic!("no link")
    };
    assert!(!house.is_in(&ada.cookie).await);
    assert!(matches!(house.try_in(ADA, PASSWORD, &code, &home()).await, SignIn::Refused));
    let (again, _) = house.follow(ADA, &link.token).await;
    assert!(house.is_in(&again.cookie).await && !house.is_in(&ada.cookie).await);
    assert_eq!(house.admin(ADA).await.role, Role::Owner);
}

#[tokio::test]
async fn viewers_change_nothing_and_owners_prove_themselves_first() {
    let (house, ada) = House::with_ada().await;
    let bob = house.add(BOB, Role::Viewer).await;
    let visit = home();
    let by_bob = Actor::Admin(&bob.signed_in, &visit);
    let denied = Managed::Denied(Denied::Role);
    assert_eq!(house.admins.change_role(&by_bob, house.id(BOB), Role::Owner).await.expect("works"), denied);
    assert_eq!(house.admins.remove(&by_bob, house.id(ADA)).await.expect("works"), denied);
    let eve = house.admins.invite(&by_bob, &address("eve@example.com"), Role::Owner).await.expect("works");
    assert_eq!(eve, Invited::Denied(Denied::Role));
    for right in [Right::Mail, Right::Export, Right::Erase, Right::Administer] {
        assert_eq!(bob.signed_in.may(right, house.now()), Err(Denied::Role));
    }
    assert_eq!(bob.signed_in.may(Right::View, house.now()), Ok(()));
    house.forward(PROOF);
    let by_ada = Actor::Admin(&ada.signed_in, &visit);
    let late = house.admins.change_role(&by_ada, house.id(BOB), Role::Owner).await.expect("works");
    assert_eq!(late, Managed::Denied(Denied::ProveAgain));
    // Whoever is no owner any more is none, whatever an older page says.
    let fresh = house.sign_in(ADA, &home()).await;
    house.admins.change_role(&OPERATOR, house.id(ADA), Role::Viewer).await.expect("works");
    let stale = Actor::Admin(&fresh.signed_in, &visit);
    assert_eq!(house.admins.remove(&stale, house.id(BOB)).await.expect("works"), denied);
}

#[tokio::test]
async fn the_last_owner_stays_on_the_page_and_an_operator_may_do_as_they_like() {
    let (house, ada) = House::with_ada().await;
    let visit = home();
    let by = Actor::Admin(&ada.signed_in, &visit);
    let id = house.id(ADA);
    // One who has not set up could not sign in, and does not count.
    house.admins.invite(&OPERATOR, &address(BOB), Role::Owner).await.expect("works");
    assert_eq!(house.admins.remove(&by, id).await.expect("works"), Managed::LastOwner);
    assert_eq!(house.admins.change_role(&by, id, Role::Viewer).await.expect("works"), Managed::LastOwner);
    assert_eq!(house.admins.reset(&by, id).await.expect("works"), Managed::LastOwner);
    assert_eq!(house.admins.change_role(&by, id, Role::Owner).await.expect("works"), Managed::Done(()));
    house.add("carol@example.com", Role::Owner).await;
    assert_eq!(house.admins.change_role(&by, id, Role::Viewer).await.expect("works"), Managed::Done(()));
    let carol = house.id("carol@example.com");
    assert_eq!(house.admins.remove(&OPERATOR, carol).await.expect("works"), Managed::Done(()));
}

#[tokio::test]
async fn two_owners_cannot_demote_each_other_at_once() {
    let (house, ada) = House::with_ada().await;
    let bob = house.add(BOB, Role::Owner).await;
    let visit = home();
    let (by_ada, by_bob) = (Actor::Admin(&ada.signed_in, &visit), Actor::Admin(&bob.signed_in, &visit));
    let (of_bob, of_ada) = tokio::join!(
        house.admins.change_role(&by_ada, house.id(BOB), Role::Viewer),
        house.admins.remove(&by_bob, house.id(ADA)),
    );
    let done = [of_bob.expect("works"), of_ada.expect("works")].iter().filter(|it| **it == Managed::Done(())).count();
    assert_eq!(done, 1);
    let owners = house.admins.list().await.expect("works").into_iter().filter(|it| it.role == Role::Owner).count();
    assert_eq!(owners, 1);
    // The store alone: what a witness vouched for is void once the witness has changed.
    let (house, _) = House::with_ada().await;
    house.add(BOB, Role::Owner).await;
    let (ada, bob) = (house.admin(ADA).await, house.admin(BOB).await);
    house.admins.change_role(&OPERATOR, house.id(ADA), Role::Viewer).await.expect("works");
    let saved = house.store.save_admin(&bob.clone().with_role(Role::Viewer), Some(bob.version), Some(&ada)).await;
    assert_eq!(saved.expect("works"), crate::store::Saved::Changed);
}
